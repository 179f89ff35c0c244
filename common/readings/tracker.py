"""One reading over time: what is believed of its meter, picture by picture, and what of it is published.

The history of evidence decides (`common.readings.belief`), not what was published before. That has one say only: a
published value never falls, but by a `reset` that several pictures confirm.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from common.readings.belief import Belief, Evidence, first_belief, next_belief
from common.readings.drums import shown_digits
from common.readings.evidence import STEPS, Floats, Labels
from common.readings.motion import Gap, at_most
from common.readings.reading import State, coarse, decimal_text
from common.readings.spec import ReadingSpec

#: The least probability of a value that is published; of one whose last wheel stands between two digits
#: (`Tracker._least`); and the least one that the true value is lower than the one before.
SURE, SURE_BETWEEN, SURE_OF_RESET = 0.93, 0.975, 0.99
#: Pictures in a row that must agree on a lower value before it is published.
CONFIRMATIONS = 3
#: Late pictures in a row, each captured after the one before, after which the clock is taken to have been set back.
_LATE_IN_A_ROW = 4
#: Seconds between two pictures, at least; a clock may stand still.
_LEAST_SECONDS = 1.0


@dataclass(frozen=True)
class Track:
    """What is remembered of a reading between pictures.

    at: when the last picture that counted was captured (epoch, s)
    published: the last published value, in units of the last wheel; None before the first one
    lower: pictures in a row that were sure of a lower value
    unseen: pictures in a row whose last wheel couldn't be read, so that they told nothing
    late: pictures in a row that were captured before `at`, and when the last of these was captured
    """

    belief: Belief
    at: float
    published: int | None = None
    lower: int = 0
    unseen: int = 0
    late: int = 0
    late_at: float = 0.0


class Outcome(NamedTuple):
    """What is published after a picture: see `common.readings.reading.Reading`."""

    state: State
    value: str | None
    probability: float
    why: str


class Tracker:
    """Follows one reading. It remembers nothing itself: what is known is in the `Track` that it takes and returns."""

    def __init__(self, spec: ReadingSpec, labels: Labels) -> None:
        self._spec, self._labels = spec, labels
        self._rate = spec.max_rate * 10**spec.decimals

    def take(self, track: Track | None, scores: Floats, at: float) -> tuple[Track, Outcome]:
        """Take a picture's scores, (wheels, labels), the most significant wheel first, captured at `at` (epoch, s)."""
        probabilities = self._labels.probabilities(scores)
        kinds = self._labels.kinds(probabilities)[::-1]
        evidence = Evidence(kinds, self._labels.likelihoods(kinds))
        if track is None:
            why = "one picture alone isn't relied on; the next one confirms it, or doesn't"
            return Track(first_belief(evidence), at), Outcome("uncertain", None, 0.0, why)
        if (seconds := _elapsed(track, at)) is None:
            return self._late(track, at)
        gap = Gap(max(seconds, _LEAST_SECONDS) / 3600, track.unseen + 1)
        found = [int(label) for label in probabilities.argmax(axis=1)]
        if self._labels.hidden(found[-1]):
            return self._unseen(track, gap, found)
        belief = next_belief(track.belief, evidence, gap, self._rate)
        return self._publish(replace(track, belief=belief, at=at, unseen=0, late=0), found, gap)

    def _late(self, track: Track, at: float) -> tuple[Track, Outcome]:
        why = "it was captured before a picture that was read already"
        late = track.late + 1 if at > track.late_at else 1
        return replace(track, late=late, late_at=at), Outcome("uncertain", None, 0.0, why)

    def _unseen(self, track: Track, gap: Gap, labels: list[int]) -> tuple[Track, Outcome]:
        """A picture without the last wheel says nothing of what flowed since; the next one with it will say all."""
        names = [name for name, label in zip(self._spec.regions, labels, strict=True) if self._labels.hidden(label)]
        why, last = f"{', '.join(names)} can't be read", track.published
        track = replace(track, unseen=track.unseen + 1)
        probability = 0.0
        if last is not None and 2 * len(names) <= len(labels):
            counts, shares = track.belief.counts, np.exp(np.asarray(track.belief.logs, np.float64))
            near = counts >= STEPS * (last - 1) - 1
            room = STEPS * (last + 1) + 2 - counts
            probability = float((shares * near * at_most(room, gap, self._rate, track.belief.pace)).sum())
        if last is None or probability < SURE:
            return track, Outcome("uncertain", None, 0.0, why)
        return track, Outcome("corrected", decimal_text(last, self._spec.decimals), coarse(probability), why)

    def _publish(self, track: Track, labels: list[int], gap: Gap) -> tuple[Track, Outcome]:
        units, shares = track.belief.units()
        near, least = shares @ (np.abs(units[:, None] - units) <= 1), self._least(track, labels, gap)
        # The likeliest value, or where that isn't sure, the one that is the likeliest to be within a unit.
        count = int(units[shares.argmax() if near[shares.argmax()] >= least else near.argmax()])
        last = track.published
        if last == count + 1:  # within a unit of what is believed, so that nothing has to fall
            count = last
        probability = float(shares[np.abs(units - count) <= 1].sum())
        falls = last is not None and count < last
        sure = last is not None and count < last - 1 and float(shares[units < last].sum()) >= SURE_OF_RESET
        track = replace(track, lower=track.lower + 1 if sure else 0)
        differing, doubts = self._compare(track.belief, count, labels)
        state: State = "corrected" if differing else "good"
        why = "; ".join(differing)
        if probability < least:
            state, why = "uncertain", self._alternatives(units, shares)
        elif falls:
            state, why = self._fall(track, count)
        elif 2 * doubts > len(labels):
            state = "uncertain"
        if state == "uncertain":
            return track, Outcome(state, None, 0.0, why)
        value = decimal_text(count, self._spec.decimals)
        return replace(track, published=count, lower=0), Outcome(state, value, coarse(probability), why)

    def _least(self, track: Track, labels: list[int], gap: Gap) -> float:
        """The least probability with which a value is published.

        A network that is wrong about the two digits beside "between" stays wrong for as long as the wheel stands there.
        Nothing else tells where it stands, if it can turn by more than a digit from one picture to the next.
        """
        between = self._labels.digit(labels[-1]) is None  # and not hidden
        stands = track.belief.pace.moved < 0.5
        return SURE_BETWEEN if between and stands and self._rate * gap.hours > 1 else SURE

    def _compare(self, belief: Belief, count: int, labels: list[int]) -> tuple[list[str], int]:
        """Where labels differ from a count, in words, and the number of wheels that don't support it."""
        turning = int(belief.counts[0]) % STEPS > 0  # the last wheel, which may be labelled as the next digit then
        shown, after = shown_digits(count, len(labels)), shown_digits(count + turning, len(labels))
        hidden, differing = [], []
        for name, label, *digits in zip(self._spec.regions, labels, shown, after, strict=True):
            if self._labels.hidden(label):
                hidden.append(name)
            elif self._labels.digit(label) not in (None, *digits):
                differing.append(f"{name} looks like {self._labels.digit(label)}")
        unread = [f"{', '.join(hidden)} can't be read"] if hidden else []
        return unread + differing, len(hidden) + len(differing)

    def _fall(self, track: Track, count: int) -> tuple[State, str]:
        """The state of a value that is lower than the last one, and why."""
        assert track.published is not None
        value, last = (decimal_text(each, self._spec.decimals) for each in (count, track.published))
        if track.lower < CONFIRMATIONS:
            return "uncertain", f"{value} is lower than {last}; the next pictures confirm it, or don't"
        largest = 10 ** len(self._spec.regions)
        if track.published > 0.9 * largest and count < 0.1 * largest:
            return "reset", f"after {last} the meter began again at 0"
        return "reset", f"{value} is lower than {last} and stays so: a new meter, or {last} was wrong"

    def _alternatives(self, units: np.ndarray, shares: Floats) -> str:
        likeliest = units[np.argsort(-shares, kind="stable")[:2]]
        return "it may be " + " or ".join(decimal_text(int(each), self._spec.decimals) for each in likeliest)


def _elapsed(track: Track, at: float) -> float | None:
    """Seconds since the last picture that counted; None for a picture that is late.

    Several late pictures in a row mean that the clock was set back; the last of them then counts from the one before.
    """
    if at >= track.at:
        return at - track.at
    if track.late >= _LATE_IN_A_ROW and at > track.late_at:
        return at - track.late_at
    return None
