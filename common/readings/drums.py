"""How the wheels of a counter stand at each count: as drums do, of which one turns the next.

A count is in *half steps* of the last wheel: 2 * c where it shows the last digit of c, 2 * c + 1 between that and the
next one. A wheel turns while the wheel below it goes from 9 to 0. Real wheels do so early or late, always in the same
way: an early one begins to turn, or has turned, while the wheel below still shows 9 or 8, so that 395 looks like 495. A
wheel's *shift* says how early, in half steps of the wheel below: with a shift of 1 it stands between two digits as long
as the wheel below shows 9, with a shift of 2 it shows the next digit meanwhile; negative shifts are late.
"""

import numpy as np
from numpy.typing import NDArray

from common.readings.evidence import POSITIONS, Floats

#: The shifts that a wheel may have, in half steps of the wheel below it.
SHIFTS = np.arange(-3, 4)
#: How likely each of them is for a wheel of which nothing is known yet.
SHIFT_PRIOR = np.array([0.0005, 0.0025, 0.12, 0.754, 0.12, 0.0025, 0.0005])

Counts = NDArray[np.int64]


def half_steps(wheels: int) -> int:
    """The number of different counts, in half steps, of so many wheels."""
    return int(2 * 10**wheels)


def positions(counts: Counts, wheels: int) -> NDArray[np.intp]:
    """Where each wheel stands, shape (counts, wheels, shifts); the last wheel, which has no shift, comes first."""
    places = np.empty((len(counts), wheels, len(SHIFTS)), np.int64)
    below = counts % POSITIONS
    places[:, 0] = below[:, None]
    for wheel in range(1, wheels):
        digit = counts // (2 * 10**wheel) % 10
        shifted = below[:, None] + SHIFTS
        # 19 half steps after its own 0 the wheel below turns this one; from the 20th on it has turned.
        turned = np.clip(shifted - 18, 0, 2) + np.clip(shifted, -2, 0)
        places[:, wheel] = (2 * digit[:, None] + turned) % POSITIONS
        below = 2 * digit + (below == POSITIONS - 1)
    return places


def shown_digits(count: int, wheels: int) -> tuple[int, ...]:
    """The digits of a count in half steps, the most significant first."""
    return tuple(count // (2 * 10**wheel) % 10 for wheel in reversed(range(wheels)))


def frame_likelihoods(likelihoods: Floats, counts: Counts) -> Floats:
    """The likelihood of one picture for each count and each wheel's shift, shape (counts, wheels, shifts).

    `likelihoods` has shape (wheels, 20), the last wheel first.
    """
    wheels = len(likelihoods)
    return likelihoods[np.arange(wheels)[None, :, None], positions(counts, wheels)]
