"""What is believed of a meter: counts with their probabilities, given the labels of all pictures so far.

A Bayesian filter over the true count. It keeps the likeliest counts, at most `MOST_COUNTS`, and for each of them, as
Rao-Blackwellised filters do (Doucet et al., 2000), what that count says about the rest, in closed form:

- *each wheel's shift*: whether it turns early or late (`common.readings.drums`), which stays as it is for years;
- *whether a wheel is misread*: a label that is wrong now is likely to be the same wrong label in the next picture, for
  a minute or for hours. So a wrong label that persists is one mistake, and not one more with every picture;
- *whether the whole picture is of something else*: a hand, a torch, a camera that was moved.

Pictures that look the same aren't independent either: the second label like the first counts half, the third one a
third, and so on. But against a count at which the wheel would have moved on meanwhile, the same label counts in full.

From one picture to the next the count stands still, or grows: at the speeds that are learnt, or at any other, but
seldom faster than `max_rate` (`common.readings.motion`). None of this is a threshold: whatever the labels say for long
enough is believed in the end, the sooner the more wheels say it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.readings.candidates import following, neighbours, other_digits, suggested
from common.readings.drums import SHIFT_PRIOR, Counts, frame_likelihoods
from common.readings.evidence import ANYTHING, FREQUENCY, POSITIONS, STEPS, UNREADABLE, Floats
from common.readings.motion import NO_PACE, Gap, Pace, later_pace, moves, replaced, steps_between

#: Counts that are kept, at most, and how much less likely than the likeliest they may be (natural logarithm).
MOST_COUNTS, _RANGE = 128, 45.0
#: Counts that are weighed for a picture, at most: those for which most may speak.
_WEIGHED = 3 * MOST_COUNTS
#: The share of time in which a wheel is misread, for how many hours at a time, and the least chance for each picture
#: that this ends.
_MISREAD_SHARE, _MISREAD_HOURS, _LEAST_END = 0.007, 0.7, 0.001
#: The states of a wheel of which nothing is known: read as it stands, or misread, with each shift.
_UNKNOWN = np.outer([1 - _MISREAD_SHARE, _MISREAD_SHARE], SHIFT_PRIOR)
#: The share of pictures in which a misread wheel gets another label than before.
_RELABELLED = 0.001
#: Hours for which a wheel keeps its shift.
_SHIFT_HOURS = 1000.0
#: The share of pictures that show something else; the share of these that the next one resembles, at once and after
#: so many hours; the share of its labels that do.
_ELSEWHERE, _AGAIN, _AGAIN_HOURS, _RESEMBLES = 0.01, 0.5, 1 / 3, 0.9
#: Pictures in a row with the same label that are told apart, at most.
_MOST_REPEATED = 10_000


@dataclass(frozen=True)
class Evidence:
    """What the labels of one picture say: their kinds (wheels, 21), and the likelihoods of positions (wheels, 40).

    The last wheel comes first.
    """

    kinds: Floats
    likelihoods: Floats


@dataclass(frozen=True)
class Seen:
    """What pictures showed last, whatever is believed.

    places: where each wheel seemed to stand when it last could be read, as probabilities, shape (wheels, 40)
    repeated: in how many pictures in a row before the last one it seemed to stand there, too, shape (wheels,)
    """

    places: NDArray[np.float16]
    repeated: NDArray[np.uint16]


@dataclass(frozen=True)
class Belief:
    """Counts in steps, the likeliest first, and what each of them says.

    logs: their probabilities, as natural logarithms, shape (counts,)
    wheels: the probability that each wheel is read as it stands (0) or misread (1), and has each shift, shape
        (counts, wheels, 2, shifts)
    elsewhere: the probability that the last picture showed something else, shape (counts,)

    The numbers are rounded as they are stored, so that a restart changes nothing.
    """

    counts: Counts
    logs: NDArray[np.float32]
    wheels: NDArray[np.float16]
    elsewhere: NDArray[np.float16]
    seen: Seen
    pace: Pace

    def units(self) -> tuple[Counts, Floats]:
        """The counts in units of the last wheel, in ascending order, and the probability of each.

        A wheel that has turned by three quarters shows the next digit.
        """
        largest = 10 ** self.wheels.shape[1]
        units, which = np.unique((self.counts + 1) // STEPS % largest, return_inverse=True)
        return units, np.asarray(np.bincount(which, np.exp(np.asarray(self.logs, np.float64))), np.float64)


def first_belief(evidence: Evidence) -> Belief:
    """What one picture says of a meter of which nothing is known."""
    wheels = len(evidence.kinds)
    counts = suggested(evidence.likelihoods)[-1]
    misread = other_digits(int(counts[0]), wheels)
    counts = np.unique(np.concatenate([counts, neighbours(counts, wheels), misread]))
    states = np.empty((len(counts), wheels, 2, len(SHIFT_PRIOR)))
    states[:] = _UNKNOWN
    nothing = Seen(np.full((wheels, POSITIONS), 1 / POSITIONS, np.float16), np.zeros(wheels, np.uint16))
    moved = np.ones((len(counts), wheels))
    likelihoods, states, elsewhere = _weighed(evidence, counts, states, np.zeros(len(counts)), nothing, moved, 0.0)
    return _kept(counts, likelihoods, states, elsewhere, _seen(nothing, evidence.kinds), NO_PACE)


def next_belief(belief: Belief, evidence: Evidence, gap: Gap, rate: float) -> Belief:
    """What is believed after one more picture, so long after the last one.

    `rate` is what the count grows in an hour at most, in units of the last wheel.
    """
    wheels = len(evidence.kinds)
    counts = following(belief.counts, suggested(evidence.likelihoods))
    steps = steps_between(belief.counts, counts, wheels)
    before = np.exp(np.asarray(belief.logs, np.float64))
    ways = before[:, None] * moves(steps, gap, rate, belief.pace)
    new = replaced(counts, wheels, gap)  # nothing is known of the wheels of another meter
    worth = np.argsort(-(ways.sum(axis=0) + new) * _at_best(evidence, counts), kind="stable")[:_WEIGHED]
    counts, steps, ways, new = counts[worth], steps[:, worth], ways[:, worth], new[worth]
    total = ways.sum(axis=0) + new
    shares = (ways / total).T
    states = (shares @ belief.wheels.reshape(len(before), -1)).reshape(len(counts), *belief.wheels.shape[1:])
    states += (new / total)[:, None, None, None] * _UNKNOWN
    elsewhere, states = shares @ belief.elsewhere, _later(states, gap.hours)
    seen = _seen(belief.seen, evidence.kinds)
    earlier = Seen(belief.seen.places, seen.repeated)
    moved = _moved(belief.counts, counts, shares, wheels)
    likelihoods, states, elsewhere = _weighed(evidence, counts, states, elsewhere, earlier, moved, gap.hours)
    pace = later_pace(belief.pace, ways * likelihoods, steps, gap, rate)
    return _kept(counts, total * likelihoods, states, elsewhere, seen, pace)


def _at_best(evidence: Evidence, counts: Counts) -> Floats:
    """About how likely the evidence is for each count, shape (counts,): with each wheel's best shift, or misread."""
    shifted = frame_likelihoods(evidence.likelihoods, counts).max(axis=2)
    return np.asarray(np.maximum(shifted, _MISREAD_SHARE * evidence.likelihoods.max(axis=1)).prod(axis=1))


def _later(states: Floats, hours: float) -> Floats:
    """The states of wheels some hours later, shape (counts, wheels, 2, shifts)."""
    end = max(1 - np.exp(-hours / _MISREAD_HOURS), _LEAST_END)
    begin = end * _MISREAD_SHARE / (1 - _MISREAD_SHARE)
    states = np.einsum("cwms,mn->cwns", states, np.array([[1 - begin, begin], [end, 1 - end]]))
    drift = 1 - np.exp(-hours / _SHIFT_HOURS)
    return np.asarray((1 - drift) * states + drift * states.sum(axis=3, keepdims=True) * SHIFT_PRIOR)


def _moved(before: Counts, counts: Counts, shares: Floats, wheels: int) -> Floats:
    """The probability that each wheel shows another digit than before, at each count, shape (counts, wheels).

    `shares`, of shape (counts, before), say from which count each one came.
    """
    units = STEPS * 10 ** np.arange(wheels)[:, None]
    same = (counts // units)[:, :, None] == (before // units)[:, None, :]
    return np.asarray(np.einsum("cb,wcb->cw", shares, ~same))


def _weighed(
    evidence: Evidence, counts: Counts, states: Floats, elsewhere: Floats, earlier: Seen, moved: Floats, hours: float
) -> tuple[Floats, Floats, Floats]:
    """The likelihood of each count, and its states of wheels and of the picture after its evidence.

    `moved` is what `_moved` gives.
    """
    weight = 1 / (1 + np.asarray(earlier.repeated, np.float64))
    # A wheel that is misread gets the labels of a wheel that really stands there, or both would drift apart in time.
    same = (earlier.places * evidence.likelihoods).sum(axis=1) ** weight
    anything = _likelihood_of_anything(evidence.kinds) ** weight
    joint = np.empty_like(states)
    of_counts = (weight + (1 - weight) * moved)[:, :, None]
    joint[:, :, 0] = states[:, :, 0] * frame_likelihoods(evidence.likelihoods, counts) ** of_counts
    joint[:, :, 1] = states[:, :, 1] * ((1 - _RELABELLED) * same + _RELABELLED * anything)[:, None]
    of_wheels = joint.sum(axis=(2, 3))
    again = elsewhere * _AGAIN * np.exp(-hours / _AGAIN_HOURS)
    anew = (1 - elsewhere) * _ELSEWHERE
    resembling = _RESEMBLES * same + (1 - _RESEMBLES) * anything
    of_elsewhere = again * resembling.prod() + anew * anything.prod()
    likelihoods = (1 - again - anew) * of_wheels.prod(axis=1) + of_elsewhere
    share = (of_elsewhere / likelihoods)[:, None, None, None]
    states = (1 - share) * joint / of_wheels[:, :, None, None] + share * states
    return likelihoods, states, share[:, 0, 0, 0]


def _likelihood_of_anything(kinds: Floats) -> Floats:
    """The likelihood of each wheel's label where it has nothing to do with the wheel, shape (wheels,)."""
    readable = (kinds / FREQUENCY * ANYTHING).sum(axis=1)
    return np.asarray((1 - UNREADABLE) * readable + UNREADABLE * kinds[:, 20])


def _seen(earlier: Seen, kinds: Floats) -> Seen:
    """What has been seen after one more picture."""
    hidden = kinds[:, 20:]
    places = np.asarray(earlier.places, np.float64) * hidden
    places[:, ::STEPS] += kinds[:, :10]
    places[:, STEPS // 2 :: STEPS] += kinds[:, 10:20]
    same = places.argmax(axis=1) == earlier.places.argmax(axis=1)
    repeated = np.where(same, np.minimum(earlier.repeated + 1, _MOST_REPEATED), 0)
    return Seen(places.astype(np.float16), repeated.astype(np.uint16))


def _kept(counts: Counts, weights: Floats, states: Floats, elsewhere: Floats, seen: Seen, pace: Pace) -> Belief:
    """The likeliest counts, with probabilities that sum to 1."""
    logs = np.log(weights)
    order = np.argsort(-logs, kind="stable")[:MOST_COUNTS]
    order = order[logs[order] > logs[order[0]] - _RANGE]
    best = logs[order] - logs[order[0]]
    best -= np.log(np.exp(best).sum())
    kept = states[order].astype(np.float16), elsewhere[order].astype(np.float16)
    return Belief(counts[order], best.astype(np.float32), *kept, seen, pace)
