"""Frames that a fit doesn't see, by which it is judged."""

import numpy as np
from numpy.typing import NDArray

#: One frame of so many is held out, from this place on.
_EACH, _FIRST = 5, 2
#: With fewer frames none is held out: too few would be left on either side.
_LEAST_FRAMES = 20


def held_out(strata: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Which frames to hold out: a fifth of each stratum (n,), a label usually; always the same ones."""
    held = np.zeros(len(strata), dtype=bool)
    if len(strata) >= _LEAST_FRAMES:
        held[np.argsort(strata, kind="stable")[_FIRST::_EACH]] = True
    return held
