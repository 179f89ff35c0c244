"""The machine's own yardstick, in whose units times are given: a rotation of SEAL's."""

from collections.abc import Callable

from blindsight.measure.evaluation import RotationYardstick
from common.ckks.parameters import Parameters

_PARAMETERS = Parameters(128, 8192, (50, 50, 50, 50))


def rotation_yardstick() -> Callable[..., float]:
    """Measures one rotation at N = 8192 with 3 data primes, in ms: the machine's speed between two frames.

    It takes a clock, which is the wall's unless another is given.
    """
    return RotationYardstick(_PARAMETERS).measure
