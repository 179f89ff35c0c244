"""What a picture is in Blindsight: an array of grey or colour values, upright, in its own size."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from common.errors import FrameError

#: A picture: uint8 (height, width, channels), of which 1 is grey and 3 are RGB.
Picture: TypeAlias = NDArray[np.uint8]


def as_picture(values: Any) -> Picture:
    """An array (h, w), (h, w, 1) or (h, w, 3) of uint8 as a picture. Raises `FrameError` when it is something else."""
    if not isinstance(values, np.ndarray):
        raise FrameError(f"a picture is {type(values).__name__}; give an array (height, width[, channels]) of uint8")
    picture: NDArray[Any] = values[:, :, None] if values.ndim == 2 else values
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] not in (1, 3) or not picture.size:
        raise FrameError(
            f"a picture has shape {values.shape} and type {values.dtype}; "
            "give (height, width[, channels]) of uint8, with 1 channel for grey or 3 for RGB"
        )
    return picture
