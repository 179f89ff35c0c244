"""What devices encrypt: input values, or the features that a plan's front makes of them."""

from collections.abc import Sequence

import numpy as np

from common.plan.layers import Array, Layer
from common.plan.network import run_layers

#: The largest feature. A frame unlike any in calibration may give larger ones, which are cut off: no modulus holds
#: every number.
_LARGEST_FEATURE = 2.0**8


def features(front: Sequence[Layer], x: Array) -> Array:
    """What is encrypted, shape (n, elements): input values (n, c, h, w), behind the front if there is one."""
    if front:
        x = np.clip(run_layers(front, x), -_LARGEST_FEATURE, _LARGEST_FEATURE)
    return x.reshape(len(x), -1)
