"""How the wheels of a counter stand at each count: as drums do, of which one turns the next.

A count is in *steps*, four for each unit of the last wheel: 4 * c where it shows the last digit of c, 4 * c + 2 when
it is half-way to the next one. A wheel turns while the wheel below it goes from 9 to 0. Real wheels do so early or
late, always in the same way: an early one begins to turn, or has turned, while the wheel below still shows 9 or 8, so
that 395 looks like 495. A wheel's *shift* says how early, in steps of the wheel below: with a shift of 2 it stands
half-way between two digits as long as the wheel below shows 9, with a shift of 4 it shows the next digit meanwhile.
Negative shifts are late.
"""

import numpy as np
from numpy.typing import NDArray

from common.readings.evidence import POSITIONS, STEPS, Floats

#: The shifts that a wheel may have, in steps of the wheel below it.
SHIFTS = np.array([-6, -4, -2, -1, 0, 1, 2, 4, 6])
#: How likely each of them is for a wheel of which nothing is known yet.
SHIFT_PRIOR = np.array([0.0005, 0.0025, 0.047, 0.1, 0.7, 0.1, 0.047, 0.0025, 0.0005])

Counts = NDArray[np.int64]


def steps_of(wheels: int) -> int:
    """The number of different counts, in steps, of so many wheels."""
    return int(STEPS * 10**wheels)


def positions(counts: Counts, wheels: int) -> NDArray[np.intp]:
    """Where each wheel stands, shape (counts, wheels, shifts); the last wheel, which has no shift, comes first."""
    places = np.empty((len(counts), wheels, len(SHIFTS)), np.int64)
    below = counts % POSITIONS
    places[:, 0] = below[:, None]
    nine = POSITIONS - STEPS  # where the wheel below shows 9, and begins to turn this one
    for wheel in range(1, wheels):
        digit = counts // (STEPS * 10**wheel) % 10
        shifted = below[:, None] + SHIFTS
        turned = np.clip(shifted - nine, 0, STEPS) + np.clip(shifted, -STEPS, 0)
        places[:, wheel] = (STEPS * digit[:, None] + turned) % POSITIONS
        below = STEPS * digit + np.clip(below - nine, 0, STEPS)
    return places


def shown_digits(units: int, wheels: int) -> tuple[int, ...]:
    """The digits of a count in units of the last wheel, the most significant first."""
    return tuple(units // 10**wheel % 10 for wheel in reversed(range(wheels)))


def frame_likelihoods(likelihoods: Floats, counts: Counts) -> Floats:
    """The likelihood of one picture for each count and each wheel's shift, shape (counts, wheels, shifts).

    `likelihoods` has shape (wheels, 40), the last wheel first.
    """
    wheels = len(likelihoods)
    return likelihoods[np.arange(wheels)[None, :, None], positions(counts, wheels)]
