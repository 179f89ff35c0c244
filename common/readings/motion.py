"""How counts go on from one picture to the next.

A count stands still, or it grows. It is likelier to grow after a picture in which it grew: water flows in bursts. How
often it stands still after each of both is learnt. How fast it grows when it does is learnt, too, as a histogram of
speeds, in bins of equal ratio, in which older pictures are forgotten: electricity flows at a steady pace, so that a
wheel that can't be read is where it was to be expected; water flows at any pace, so that nothing is expected.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.readings.drums import Counts, steps_of
from common.readings.evidence import STEPS, Floats

#: The probabilities that the count stood still since the last picture, where it had stood still and where it had moved
#: before that one, before anything is known; the least one later; and the hours in which it moves once, at least.
_STANDSTILL, _STOPPED, _LEAST_STANDSTILL, _MOVES_WITHIN = 0.8, 0.5, 0.02, 4.0
#: How much of what is known of standstills, and of speeds, is forgotten with a picture.
_FORGOTTEN, _SPEED_FORGOTTEN = 0.1, 0.05
#: Bins of speeds; the ratio of the bounds of each; the upper bound of the last one, in highest rates.
BINS, _RATIO, _TOP = 28, 1.4, 1.0
#: The bounds of the bins, in steps for each unit of the highest rate.
_BOUNDS = _TOP * STEPS * _RATIO ** np.arange(-BINS, 1.0)
#: How much of a picture is counted for the bins below and above that of its speed.
_BESIDE = 0.2
#: How many pictures that moved weigh as much as what is expected before any has.
_EXPECTED = 3.0
#: The share of what is expected that has a geometric number of steps, with a mean of a third of the highest rate; for
#: the rest, all bins are equally likely.
_GEOMETRIC = 0.3
#: The mean of such a number, in steps for each unit of the highest rate.
_MEAN = STEPS / 3
#: Meters that are replaced in an hour; the share of new ones that begin near zero; where, in steps, they end.
_REPLACED, _NEW, _NEAR_ZERO = 1e-4, 0.3, 400.0


class Gap(NamedTuple):
    """From one picture to another: how many hours, and how many pictures, those between them and the second one."""

    hours: float
    pictures: int = 1


class Pace(NamedTuple):
    """How the count went lately: how often it stood still between two pictures, and how fast it went when it didn't.

    still: how likely it is to stand still after it stood still
    stopped: how likely it is to stand still after it moved
    moved: the probability that it moved before the last picture
    speeds: the number of pictures in which it had the speed of each bin, forgotten ones less, shape (bins,)
    """

    still: float
    stopped: float
    moved: float
    speeds: NDArray[np.float32]


#: The pace of a meter of which nothing is known.
NO_PACE = Pace(_STANDSTILL, _STOPPED, 0.5, np.zeros(BINS, np.float32))


def steps_between(before: Counts, after: Counts, wheels: int) -> Counts:
    """The steps from each count to each other one, shape (before, after); -1 for a step backwards."""
    number = steps_of(wheels)
    steps = (after - before[:, None]) % number
    steps[steps >= number // 2] = -1
    return steps


def moves(steps: Counts, gap: Gap, rate: float, pace: Pace) -> Floats:
    """The probability of so many steps, shape of `steps`.

    `rate` is what the count grows in an hour at most, in units of the last wheel.
    """
    found = np.zeros(steps.shape)
    flows = _Flow(gap, rate, pace)
    ahead = steps > 0
    found[steps == 0] = flows.at_most(np.zeros(1, np.int64))[0]
    found[ahead] = flows.exactly(steps[ahead])
    return found


def at_most(steps: Counts, gap: Gap, rate: float, pace: Pace) -> Floats:
    """The probability that a count grew by no more than so many steps, shape of `steps`."""
    return np.asarray(np.where(steps >= 0, _Flow(gap, rate, pace).at_most(steps), 0.0))


def replaced(after: Counts, wheels: int, gap: Gap) -> Floats:
    """The probability that there is another meter since the last picture, which shows these counts."""
    shows = (1 - _NEW) / steps_of(wheels) + _NEW * np.exp(-after / _NEAR_ZERO) / _NEAR_ZERO
    return np.asarray(_REPLACED * gap.hours * shows)


class _Flow:
    """The probabilities of steps within a gap."""

    def __init__(self, gap: Gap, rate: float, pace: Pace) -> None:
        most = float(np.exp(-gap.hours / gap.pictures / _MOVES_WITHIN))
        still, stopped = min(pace.still, most), min(pace.stopped, most)
        self._still = ((1 - pace.moved) * still + pace.moved * stopped) * still ** (gap.pictures - 1)
        known, number = np.asarray(pace.speeds, np.float64), float(pace.speeds.sum())
        self._geometric = _GEOMETRIC * _EXPECTED / (_EXPECTED + number)
        shares = (1 - _GEOMETRIC) * _EXPECTED / BINS + known
        self._cumulated = np.concatenate([[0.0], np.cumsum(shares) / shares.sum()])
        # Over several pictures it went at that speed all the time, or while one of them was taken.
        self._hours = [gap.hours] if gap.pictures == 1 else [gap.hours, gap.hours / gap.pictures]
        self._rate = rate
        mean = _MEAN * rate * gap.hours
        self._on = mean / (1 + mean)

    def at_most(self, steps: Counts) -> Floats:
        """The probability of no more than so many steps."""
        steps = np.maximum(steps, 0)
        binned = self._by_speeds(steps)
        moved = self._geometric * (1 - self._on**steps) + (1 - self._geometric) * binned
        return np.asarray(self._still + (1 - self._still) * moved)

    def exactly(self, steps: Counts) -> Floats:
        """The probability of so many steps, at least one."""
        found = self._geometric * (1 - self._on) * self._on ** (steps - 1)
        within = np.flatnonzero(steps <= _BOUNDS[-1] * self._rate * self._hours[0] + 1)
        inside = steps[within]
        found[within] += (1 - self._geometric) * np.subtract(self._by_speeds(inside), self._by_speeds(inside - 1))
        return np.asarray((1 - self._still) * found)

    def _by_speeds(self, steps: Counts) -> Floats:
        """The probability of no more than so many steps while the count goes at a speed of the bins."""
        each = [np.interp((steps + 0.5) / (self._rate * hours), _BOUNDS, self._cumulated) for hours in self._hours]
        return np.asarray(sum(each) / len(each))


def later_pace(pace: Pace, weights: Floats, steps: Counts, gap: Gap, rate: float) -> Pace:
    """The pace after steps with these weights, both of shape (before, after)."""
    speeds = steps / (rate * gap.hours)
    flowing = (steps > 0) & (speeds < _BOUNDS[-1])
    moved, stood = weights[flowing].sum(), weights[steps == 0].sum()
    if moved + stood <= 0:
        return pace
    stood_still = (stood / (moved + stood)) ** (1 / gap.pictures)
    of_still, of_stopped = _FORGOTTEN * (1 - pace.moved), _FORGOTTEN * pace.moved
    still = max((1 - of_still) * pace.still + of_still * stood_still, _LEAST_STANDSTILL)
    stopped = max((1 - of_stopped) * pace.stopped + of_stopped * stood_still, _LEAST_STANDSTILL)
    bins = np.clip(np.searchsorted(_BOUNDS, speeds[flowing]) - 1, 0, BINS - 1)
    seen = np.bincount(bins, weights[flowing], minlength=BINS) / (moved + stood)
    padded = np.pad(seen, 1, mode="edge")
    seen = (1 - 2 * _BESIDE) * seen + _BESIDE * (padded[:-2] + padded[2:])
    share = float(moved / (moved + stood))
    speeds = (1 - _SPEED_FORGOTTEN * share) * pace.speeds + seen
    return Pace(float(still), float(stopped), share, speeds.astype(np.float32))
