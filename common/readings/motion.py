"""How counts go on from one picture to the next."""

from typing import NamedTuple

import numpy as np

from common.readings.drums import Counts, steps_of
from common.readings.evidence import STEPS, Floats

#: The probability that the count stood still since the last picture, before anything is known; its bounds later.
STANDSTILL = 0.8
_LEAST_STANDSTILL, _MOST_STANDSTILL = 0.02, 0.98
#: How much of what is known of the pace is replaced by what happened since the last picture.
_LEARNING = 0.1
#: How likely it is, when the count moves, that it does so at the highest rate, or by little; else at its pace of late.
_FASTER, _BY_LITTLE = 0.2, 0.3
#: The mean of steps of a count that moves by little.
_LITTLE = 2.0 * STEPS
#: The mean of steps at the highest rate, which isn't reached all the time, in steps for each unit of it.
MEAN = STEPS / 2
#: How many times the highest rate may be reached before it is no flow, from which nothing is learnt.
_FASTEST = 5
#: Meters that are replaced in an hour; the share of new ones that begin near zero; where, in steps, they end.
_REPLACED, _NEW, _NEAR_ZERO = 1e-4, 0.3, 400.0


class Gap(NamedTuple):
    """From one picture to another: how many hours, and how many pictures, those between them and the second one."""

    hours: float
    pictures: int = 1


class Pace(NamedTuple):
    """How the count went lately: how often it stood still between two pictures, and steps an hour when it didn't."""

    still: float
    speed: float


def steps_between(before: Counts, after: Counts, wheels: int) -> Counts:
    """The steps from each count to each other one, shape (before, after); -1 for a step backwards."""
    number = steps_of(wheels)
    steps = (after - before[:, None]) % number
    steps[steps >= number // 2] = -1
    return steps


def moves(steps: Counts, gap: Gap, rate: float, pace: Pace) -> Floats:
    """The probability of so many steps, shape of `steps`.

    `rate` is what the count grows in an hour at most, in units of the last wheel. While something flows, the number of
    steps is geometric: with the mean of late, with the one at the highest rate, or with a small one.
    """
    still = pace.still**gap.pictures
    found = np.where(steps == 0, still, 0.0)
    for share, go_on in _ways(pace, gap, rate):
        found += (1 - still) * share * (1 - go_on) * go_on ** np.where(steps > 0, steps - 1, np.inf)
    return np.asarray(found)


def replaced(after: Counts, wheels: int, gap: Gap) -> Floats:
    """The probability that there is another meter since the last picture, which shows these counts."""
    shows = (1 - _NEW) / steps_of(wheels) + _NEW * np.exp(-after / _NEAR_ZERO) / _NEAR_ZERO
    return np.asarray(_REPLACED * gap.hours * shows)


def at_most(steps: Counts, gap: Gap, rate: float, pace: Pace) -> Floats:
    """The probability that a count grew by no more than so many steps, shape of `steps`."""
    still = pace.still**gap.pictures
    moved = sum(share * (1 - go_on ** np.maximum(steps, 0)) for share, go_on in _ways(pace, gap, rate))
    return np.asarray(np.where(steps >= 0, still + (1 - still) * moved, 0.0))


def _ways(pace: Pace, gap: Gap, rate: float) -> list[tuple[float, float]]:
    """The ways in which a count may grow: how likely each one is, and how likely one more step is then."""
    moving = (1 + (gap.pictures - 1) * (1 - pace.still)) / gap.pictures  # the share of the time in which it does
    usual = 1 - _FASTER - _BY_LITTLE, pace.speed * moving * gap.hours
    means = usual, (_FASTER, MEAN * rate * gap.hours), (_BY_LITTLE, min(_LITTLE, STEPS * rate * gap.hours))
    return [(share, mean / (1 + mean)) for share, mean in means]


def later_pace(pace: Pace, weights: Floats, steps: Counts, gap: Gap, rate: float) -> Pace:
    """The pace after steps with these weights, both of shape (before, after)."""
    flowing = (steps > 0) & (steps <= _FASTEST * (STEPS * rate * gap.hours + 1))
    moved, stood = weights[flowing].sum(), weights[steps == 0].sum()
    if moved + stood <= 0:
        return pace
    stood_still = (stood / (moved + stood)) ** (1 / gap.pictures)
    still = (1 - _LEARNING) * pace.still + _LEARNING * stood_still
    share = _LEARNING * moved / (moved + stood)
    mean = (weights[flowing] * steps[flowing]).sum() / moved if moved > 0 else 0.0
    speed = (1 - share) * pace.speed + share * mean / gap.hours
    return Pace(float(np.clip(still, _LEAST_STANDSTILL, _MOST_STANDSTILL)), float(speed))
