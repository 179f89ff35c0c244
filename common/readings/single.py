"""The reading of one picture alone, of which nothing else is known; it is rejected where it may be wrong.

Wheels and labels are understood as in a series of pictures (`common.readings.belief`), but a network's confidence is
taken nearly at its word, since there is no second picture to correct it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from common.readings.candidates import neighbours, other_digits, suggested
from common.readings.drums import SHIFT_PRIOR, Counts, frame_likelihoods, shown_digits, steps_of
from common.readings.evidence import ALONE, STEPS, Floats, Labels
from common.readings.reading import decimal_text
from common.readings.spec import ReadingSpec

#: The least probability of a reading that isn't rejected.
_SURE = 0.9
#: How likely it is that the last wheel is half turned, compared with showing a digit; other places look like these two.
_TURNING = 0.2
#: The likeliest counts whose neighbours are weighed, too.
_LEADING = 8


@dataclass(frozen=True)
class SingleReading:
    """What one picture shows: its value, or why it is rejected (`value` is then None).

    `digits` has a character for each wheel, the most significant first: its likeliest digit, rejected or not, and "?"
    where the wheel can't be read. `probability` is that of the whole count.
    """

    value: str | None
    digits: str
    probability: float
    why: str = ""


class SingleReader:
    """Reads single pictures by a plan whose labels have these names. Raises `ConfigurationError` without digits."""

    def __init__(self, spec: ReadingSpec, names: Sequence[str]) -> None:
        self._spec, self._labels = spec, Labels(names, ALONE)

    def read(self, scores: Floats) -> SingleReading:
        """Read a picture from the scores of the reading's wheels, (wheels, labels), the most significant first."""
        spec, labels = self._spec, self._labels
        probabilities = labels.probabilities(scores)
        hidden = [labels.hidden(int(label)) for label in probabilities.argmax(axis=1)]
        count, probability = _likeliest(labels.likelihoods(labels.kinds(probabilities))[::-1])
        shown = shown_digits(count, len(spec.regions))
        digits = "".join("?" if out else str(digit) for out, digit in zip(hidden, shown, strict=True))
        why = ""
        if any(hidden):
            names = [name for name, out in zip(spec.regions, hidden, strict=True) if out]
            why = f"{', '.join(names)} can't be read"
        elif probability < _SURE:
            why = f"{digits} is not sure enough"
        return SingleReading(None if why else decimal_text(count, spec.decimals), digits, probability, why)


def _likeliest(likelihoods: Floats) -> tuple[int, float]:
    """The likeliest count, in units of the last wheel, and its probability; `likelihoods` are (wheels, 40)."""
    wheels = len(likelihoods)
    first = suggested(likelihoods)[-1]
    weighed = [first, neighbours(first[:_LEADING], wheels), other_digits(int(first[0]), wheels)]
    found: Counts = np.concatenate(weighed)
    odd = found % 2  # a wheel that has turned by a quarter counts as both, one that shows a digit and a half-turned one
    counts = np.unique(np.concatenate([found - odd, found + odd]) % steps_of(wheels))
    turning = np.where(counts % STEPS, _TURNING, 1.0)
    weights = (frame_likelihoods(likelihoods, counts) @ SHIFT_PRIOR).prod(axis=1) * turning
    units, which = np.unique(counts // STEPS, return_inverse=True)
    shares = np.bincount(which, weights) / weights.sum()
    best = int(shares.argmax())
    return int(units[best]), float(shares[best])
