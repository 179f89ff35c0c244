"""A picture in the size and the colours that a model takes."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common.errors import FrameError
from common.pictures.picture import Picture

#: Height, width and channels of a frame: 1 is grey, 3 are RGB.
FrameShape: TypeAlias = tuple[int, int, int]


def fit(picture: Picture, frame_shape: FrameShape, resize: bool = False) -> NDArray[np.uint8]:
    """A picture (h, w, 1|3) as a frame of `frame_shape`: colour becomes grey, and grey colour, as the model takes it.

    `resize` stretches it to the model's size. Raises `FrameError` when the size differs without it.
    """
    height, width, channels = frame_shape
    if not resize and picture.shape[:2] != (height, width):
        raise FrameError(
            f"the picture is {picture.shape[0]}×{picture.shape[1]} (height × width), the model takes {height}×{width}"
        )
    image = Image.fromarray(picture if picture.shape[2] == 3 else picture[:, :, 0])
    image = image.convert("L" if channels == 1 else "RGB")
    if image.size != (width, height):
        # When it shrinks, Pillow widens this filter to cover every source pixel: no aliasing.
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.array(image, dtype=np.uint8).reshape(frame_shape)
