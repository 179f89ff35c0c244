"""What is believed of a meter: counts with their probabilities, given the labels of all pictures so far.

A Bayesian filter over the true count. It keeps the likeliest counts, at most `MOST_COUNTS`, and for each of them, as
Rao-Blackwellised filters do (Doucet et al., 2000), what that count says about the rest, in closed form:

- *each wheel's shift*: whether it turns early or late (`common.readings.drums`), which stays as it is for years;
- *whether a wheel is misread*: a label that is wrong now is likely to be the same wrong label in the next picture, for
  a minute or for hours. So a wrong label that persists is one mistake, and not one more with every picture;
- *whether the whole picture is of something else*: a hand, a torch, a camera that was moved.

From one picture to the next the count stands still, or grows: at its pace of late, or faster, and seldom faster than
`max_rate`. A count that nothing leads to is a new meter, which is rare. None of this is a threshold: whatever the
labels say for long enough is believed in the end, the sooner the more wheels say it.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.readings.candidates import following, neighbours, suggested
from common.readings.drums import SHIFT_PRIOR, Counts, frame_likelihoods, half_steps
from common.readings.evidence import ANYTHING, FREQUENCY, POSITIONS, UNREADABLE, Floats

#: Counts that are kept, at most, and how much less likely than the likeliest they may be (natural logarithm).
MOST_COUNTS, _RANGE = 96, 45.0
#: The probability that the count stood still since the last picture, before anything is known; its bounds later.
_STANDSTILL, _LEAST_STANDSTILL, _MOST_STANDSTILL = 0.8, 0.02, 0.95
#: How much of what is known of the count's pace is replaced by what happened since the last picture.
_LEARNING = 0.1
#: How likely it is, when the count moves, that it does so at the highest rate rather than at the pace of late.
_FASTER = 0.2
#: Meters that are replaced in an hour; the share of new ones that begin near zero; where, in half steps, they end.
_REPLACED, _NEW, _NEAR_ZERO = 1e-4, 0.3, 200.0
#: The share of time in which a wheel is misread, for how many hours at a time, and the least chance for each picture
#: that this ends.
_MISREAD_SHARE, _MISREAD_HOURS, _LEAST_END = 0.002, 6.0, 0.001
#: The share of pictures in which a misread wheel gets another label than before.
_RELABELLED = 0.001
#: Hours for which a wheel keeps its shift.
_SHIFT_HOURS = 1000.0
#: The share of pictures that show something else; the share of these that the next one resembles, at once and after
#: so many hours; the share of its labels that do.
_ELSEWHERE, _AGAIN, _AGAIN_HOURS, _RESEMBLES = 0.01, 0.5, 1 / 3, 0.9


@dataclass(frozen=True)
class Evidence:
    """What the labels of one picture say: their kinds (wheels, 21), and the likelihoods of positions (wheels, 20).

    The last wheel comes first.
    """

    kinds: Floats
    likelihoods: Floats


class Pace(NamedTuple):
    """How the count went lately: how often it stood still between two pictures; half steps an hour when it didn't."""

    still: float
    speed: float


@dataclass(frozen=True)
class Belief:
    """Counts in half steps, the likeliest first, and what each of them says.

    logs: their probabilities, as natural logarithms, shape (counts,)
    wheels: the probability that each wheel is read as it stands (0) or misread (1), and has each shift, shape
        (counts, wheels, 2, shifts)
    elsewhere: the probability that the last picture showed something else, shape (counts,)
    earlier: where each wheel seemed to stand when it last could be read, as probabilities, shape (wheels, 20)
    pace: how the count went lately

    The numbers are rounded as they are stored, so that a restart changes nothing.
    """

    counts: Counts
    logs: NDArray[np.float32]
    wheels: NDArray[np.float16]
    elsewhere: NDArray[np.float16]
    earlier: NDArray[np.float16]
    pace: Pace

    def units(self) -> tuple[Counts, Floats]:
        """The counts in units of the last wheel, in ascending order, and the probability of each."""
        units, which = np.unique(self.counts // 2, return_inverse=True)
        return units, np.asarray(np.bincount(which, np.exp(np.asarray(self.logs, np.float64))), np.float64)


def first_belief(evidence: Evidence, rate: float) -> Belief:
    """What one picture says of a meter of which nothing is known but its rate, as `next_belief` takes it."""
    wheels = len(evidence.kinds)
    counts = suggested(evidence.likelihoods)[-1]
    counts = np.unique(np.concatenate([counts, neighbours(counts, wheels)]))
    states = np.empty((len(counts), wheels, 2, len(SHIFT_PRIOR)))
    states[:] = np.outer([1 - _MISREAD_SHARE, _MISREAD_SHARE], SHIFT_PRIOR)
    earlier = np.full((wheels, POSITIONS), 1 / POSITIONS)
    nowhere = np.zeros(len(counts))
    likelihoods, weighed, elsewhere = _weighed(evidence, counts, states, nowhere, earlier, 0.0)
    pace = Pace(_STANDSTILL, rate)
    return _kept(counts, likelihoods, weighed, elsewhere, _earlier(earlier, evidence.kinds), pace)


def next_belief(belief: Belief, evidence: Evidence, hours: float, rate: float) -> Belief:
    """What is believed after one more picture, so many hours after the last one.

    `rate` is what the count grows in an hour at most, in units of the last wheel.
    """
    wheels = len(evidence.kinds)
    counts = following(belief.counts, suggested(evidence.likelihoods))
    steps = (counts - belief.counts[:, None]) % half_steps(wheels)
    steps[steps >= half_steps(wheels) // 2] = -1  # backwards
    ways = np.exp(np.asarray(belief.logs, np.float64))[:, None] * _moves(
        steps, counts, wheels, hours, rate, belief.pace
    )
    total = ways.sum(axis=0)
    shares = (ways / total).T
    states = (shares @ belief.wheels.reshape(len(belief.counts), -1)).reshape(len(counts), *belief.wheels.shape[1:])
    earlier = np.asarray(belief.earlier, np.float64)
    likelihoods, weighed, elsewhere = _weighed(
        evidence, counts, _later(states, hours), shares @ belief.elsewhere, earlier, hours
    )
    pace = _paced(belief.pace, ways * likelihoods, steps, hours)
    return _kept(counts, total * likelihoods, weighed, elsewhere, _earlier(earlier, evidence.kinds), pace)


def _moves(steps: Counts, after: Counts, wheels: int, hours: float, rate: float, pace: Pace) -> Floats:
    """The probability of so many half steps, -1 for backwards, that lead to these counts; shape (before, after)."""
    # While something flows, steps are geometric: with the mean of late, or with half the highest rate (`rate` half
    # steps an hour).
    moves = np.where(steps == 0, pace.still, 0.0)
    for share, speed in ((1 - _FASTER, pace.speed), (_FASTER, rate)):
        go_on = speed * hours / (1 + speed * hours)
        moves += (1 - pace.still) * share * (1 - go_on) * go_on ** np.where(steps > 0, steps - 1, np.inf)
    number = half_steps(wheels)
    new = (1 - _NEW) / number + _NEW * np.exp(-after / _NEAR_ZERO) / _NEAR_ZERO
    return np.asarray(moves + _REPLACED * hours * new)


def _paced(pace: Pace, weights: Floats, steps: Counts, hours: float) -> Pace:
    """The pace after steps with these weights, both of shape (before, after)."""
    moved = weights[steps > 0].sum()
    stood = weights[steps == 0].sum()
    if moved + stood <= 0:
        return pace
    still = (1 - _LEARNING) * pace.still + _LEARNING * stood / (moved + stood)
    share = _LEARNING * moved / (moved + stood)
    mean = (weights * np.maximum(steps, 0)).sum() / moved if moved > 0 else 0.0
    speed = (1 - share) * pace.speed + share * mean / hours
    return Pace(float(np.clip(still, _LEAST_STANDSTILL, _MOST_STANDSTILL)), float(speed))


def _later(states: Floats, hours: float) -> Floats:
    """The states of wheels some hours later, shape (counts, wheels, 2, shifts)."""
    end = max(1 - np.exp(-hours / _MISREAD_HOURS), _LEAST_END)
    begin = end * _MISREAD_SHARE / (1 - _MISREAD_SHARE)
    states = np.einsum("cwms,mn->cwns", states, np.array([[1 - begin, begin], [end, 1 - end]]))
    drift = 1 - np.exp(-hours / _SHIFT_HOURS)
    return np.asarray((1 - drift) * states + drift * states.sum(axis=3, keepdims=True) * SHIFT_PRIOR)


def _weighed(
    evidence: Evidence, counts: Counts, states: Floats, elsewhere: Floats, earlier: Floats, hours: float
) -> tuple[Floats, Floats, Floats]:
    """The likelihood of each count, and its states of wheels and of the picture after its evidence."""
    anything = _likelihood_of_anything(evidence.kinds)
    # A wheel that is misread gets the labels of a wheel that really stands there, or both would drift apart in time.
    same = (earlier * evidence.likelihoods).sum(axis=1)
    joint = np.empty_like(states)
    joint[:, :, 0] = states[:, :, 0] * frame_likelihoods(evidence.likelihoods, counts)
    joint[:, :, 1] = states[:, :, 1] * ((1 - _RELABELLED) * same + _RELABELLED * anything)[:, None]
    of_wheels = joint.sum(axis=(2, 3))
    again = elsewhere * _AGAIN * np.exp(-hours / _AGAIN_HOURS)
    anew = (1 - elsewhere) * _ELSEWHERE
    resembling = _RESEMBLES * same + (1 - _RESEMBLES) * anything
    of_elsewhere = again * resembling.prod() + anew * anything.prod()
    of_meter = (1 - again - anew) * of_wheels.prod(axis=1)
    likelihoods = of_meter + of_elsewhere
    share = of_elsewhere / likelihoods
    weighed = (1 - share)[:, None, None, None] * joint / of_wheels[:, :, None, None]
    weighed += share[:, None, None, None] * states
    return likelihoods, weighed, share


def _likelihood_of_anything(kinds: Floats) -> Floats:
    """The likelihood of each wheel's label where it has nothing to do with the wheel, shape (wheels,)."""
    readable = (kinds / FREQUENCY * ANYTHING).sum(axis=1)
    return np.asarray((1 - UNREADABLE) * readable + UNREADABLE * kinds[:, 20])


def _earlier(earlier: Floats, kinds: Floats) -> NDArray[np.float16]:
    """Where each wheel seemed to stand when it last could be read: now, as far as it can be, else as before.

    The shape is (wheels, 20).
    """
    digits, between, hidden = kinds[:, :10], kinds[:, 10:20], kinds[:, 20:]
    now = np.stack([digits, between], axis=2).reshape(earlier.shape)
    return np.asarray(now + hidden * earlier, np.float16)


def _kept(
    counts: Counts, weights: Floats, states: Floats, elsewhere: Floats, earlier: NDArray[np.float16], pace: Pace
) -> Belief:
    """The likeliest counts, with probabilities that sum to 1."""
    logs = np.log(weights)
    order = np.argsort(-logs, kind="stable")[:MOST_COUNTS]
    order = order[logs[order] > logs[order[0]] - _RANGE]
    best = logs[order] - logs[order[0]]
    best -= np.log(np.exp(best).sum())
    return Belief(
        counts[order],
        best.astype(np.float32),
        states[order].astype(np.float16),
        elsewhere[order].astype(np.float16),
        earlier,
        pace,
    )
