"""What labels say about where wheels stand: scores become likelihoods of positions.

A wheel has forty positions: `4 * d` where it shows the digit d, and three more until it shows the next one. A network
sees one of these and gives a label: usually the digit, or "between", sometimes a neighbour, seldom anything.
`label_model` says how often. For a series of pictures it lets some labels be wrong whatever the wheel shows, so that no
single picture ever makes anything certain, however sure the network is.

With p(label | picture) from the softmax of the scores, which is calibrated for the models that ship, and classes that
were equally frequent in training, the likelihood of a position is, up to a factor that all positions share,

    p(picture | position) = sum over labels of p(label | picture) / p(label) * p(label | position)

(Bayes' rule, with the label as the only thing that the picture tells about the position). A label "between" doesn't say
between which digits, but the probabilities of the digits beside it do: it is divided into ten such labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigurationError

#: The positions of a wheel from one digit to the next, and all of them.
STEPS = 4
POSITIONS = 10 * STEPS
#: The label of a wheel that stands between two digits.
BETWEEN = "between"
#: The names of labels that are digits.
_DIGITS = tuple("0123456789")
#: The share of labels that say that a wheel can't be read, as in training.
UNREADABLE = 0.08
#: The share of labels that are wrong half-way between two digits where the model has no label for that.
_MISREAD_BETWEEN = 0.25

#: How often each kind of label (`Labels.kinds`) came in training: ten digits, ten parts of "between", and others.
FREQUENCY = np.repeat([1.0, 0.1, 1.0], [10, 10, 1])
#: The shares of the kinds of labels of something that is no wheel at all, if it can be read.
ANYTHING = np.repeat([1 / 11, 1 / 110, 0.0], [10, 10, 1])

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Noise:
    """How far labels are from what wheels show, as shares of labels, besides "between" and "unreadable".

    `misread` of them are wrong for no reason that has to do with the position, and `misread_turning` where the wheel
    has left a digit. Of a wheel that shows a digit, `neighbours` say one of both neighbours, and `turning` say
    "between"; of one that is half turned, `one_of_two` say one of both digits, and of one that has turned by a quarter,
    `quarter` say the nearer one. `evenly` is how much of a label "between" is divided evenly, whatever the digits
    beside it say; `faint` is the probability of a digit beside it that says as much as none, and `trust` the power to
    which the others are raised, 1 for a network that always sees the two digits.
    """

    misread: float
    misread_turning: float
    neighbours: float
    turning: float
    one_of_two: float
    quarter: float
    evenly: float
    faint: float
    trust: float


#: The noise that a series of pictures is read with: humble, since later pictures decide.
SERIES = Noise(
    misread=0.005,
    misread_turning=0.01,
    neighbours=0.006,
    turning=0.02,
    one_of_two=0.14,
    quarter=0.55,
    evenly=0.15,
    faint=3e-4,
    trust=0.75,
)
#: The noise that a picture alone is read with: a network's confidence is taken nearly at its word.
ALONE = Noise(
    misread=0.001,
    misread_turning=0.001,
    neighbours=0.0,
    turning=0.005,
    one_of_two=0.02,
    quarter=0.55,
    evenly=0.02,
    faint=1e-6,
    trust=1.0,
)


class Labels:
    """The labels of a plan, as far as they are about wheels: digits, "between", and all others, which are unreadable.

    Raises `ConfigurationError` for a plan without the labels "0" to "9".
    """

    def __init__(self, names: Sequence[str], noise: Noise = SERIES) -> None:
        missing = [digit for digit in _DIGITS if digit not in names]
        if missing:
            raise ConfigurationError(
                f"the plan has no label {missing[0]!r}, and a reading needs 0 to 9; use a model that reads digits, "
                "such as meter, or a region file without [reading]"
            )
        self.names = tuple(names)
        self._digits = [self.names.index(digit) for digit in _DIGITS]
        self._between = self.names.index(BETWEEN) if BETWEEN in self.names else None
        self._noise = noise
        self._model = label_model(noise, self._between is not None)

    def probabilities(self, scores: Floats) -> Floats:
        """The softmax of scores, both of shape (regions, labels)."""
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    def kinds(self, probabilities: Floats) -> Floats:
        """The probabilities, (regions, labels), of what labels say: ten digits, ten places between two, unreadable.

        The shape is (regions, 21).
        """
        digits = probabilities[:, self._digits]
        between = np.zeros((len(digits), 1)) if self._between is None else probabilities[:, [self._between]]
        seen, evenly = digits + self._noise.faint, self._noise.evenly
        beside = (seen * np.roll(seen, -1, axis=1)) ** self._noise.trust  # large only where both digits are seen
        places = (1 - evenly) * beside / beside.sum(axis=1, keepdims=True) + evenly / 10
        unreadable = 1 - digits.sum(axis=1, keepdims=True) - between
        return np.hstack([digits, between * places, np.clip(unreadable, 0, 1)])

    def likelihoods(self, kinds: Floats) -> Floats:
        """The likelihood of each position, (regions, 40), from what `kinds` gives."""
        return np.asarray(kinds / FREQUENCY @ self._model.T, np.float64)

    def digit(self, label: int) -> int | None:
        """The digit that a label stands for; None for "between", "unreadable" and others."""
        return self._digits.index(label) if label in self._digits else None

    def hidden(self, label: int) -> bool:
        """Whether a label says that the wheel can't be read."""
        return label != self._between and label not in self._digits


def label_model(noise: Noise, has_between: bool) -> Floats:
    """How often a wheel at each position gets a label of each kind (`Labels.kinds`), shape (40, 21); rows sum to 1."""
    model: Floats = np.zeros((POSITIONS, 21))
    for digit in range(10):
        after, before = (digit + 1) % 10, (digit - 1) % 10
        shown, first, half, last = model[STEPS * digit : STEPS * (digit + 1)]
        shown[digit] = 1 - noise.turning - noise.neighbours
        shown[[before, after]] = noise.neighbours / 2
        if has_between:
            shown[[10 + before, 10 + digit]] = noise.turning / 2
            first[digit], first[10 + digit] = noise.quarter, 1 - noise.quarter
            half[[digit, after]], half[10 + digit] = noise.one_of_two / 2, 1 - noise.one_of_two
            last[after], last[10 + digit] = noise.quarter, 1 - noise.quarter
        else:
            shown[digit] += noise.turning
            first[digit] = last[after] = 1.0
            half[[digit, after]] = 0.5
    wrong = np.full((POSITIONS, 1), noise.misread_turning)
    wrong[::STEPS] = noise.misread
    if not has_between:
        wrong[STEPS // 2 :: STEPS] = _MISREAD_BETWEEN
    model[:] = (1 - UNREADABLE) * ((1 - wrong) * model + wrong * ANYTHING)
    model[:, 20] = UNREADABLE
    return model
