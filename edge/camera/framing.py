"""From a camera's picture, in its own size, to frames as the model takes them."""

from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common.errors import FrameError
from common.pictures.picture import Picture

#: Height, width and channels of a frame: 1 is grey, 3 is RGB.
FrameShape: TypeAlias = tuple[int, int, int]


class Framing(Protocol):
    """What becomes frames of a picture: the whole of it, or parts."""

    #: The names of the frames of a picture, in their order; a whole picture's is empty.
    names: tuple[str, ...]

    def frames(self, picture: Picture) -> NDArray[np.uint8]:
        """The frames (k, h, w, c) of a picture, one for each of `names`. Raises `FrameError` when it doesn't fit."""


class WholePicture:
    """The whole picture is one frame, stretched to the model's size if `resize` allows it.

    Colour becomes grey, and grey colour, as the model takes it.
    """

    names: tuple[str, ...] = ("",)

    def __init__(self, frame_shape: FrameShape, resize: bool) -> None:
        self._shape, self._resize = frame_shape, resize

    def frames(self, picture: Picture) -> NDArray[np.uint8]:
        """The picture as one frame (1, h, w, c). Raises `FrameError` when its size differs and isn't to be changed."""
        height, width, channels = self._shape
        if not self._resize and picture.shape[:2] != (height, width):
            raise FrameError(
                f"the picture is {picture.shape[0]}×{picture.shape[1]} (height × width), "
                f"the model takes {height}×{width}; pass --resize"
            )
        image = Image.fromarray(picture if picture.shape[2] == 3 else picture[:, :, 0])
        image = image.convert("L" if channels == 1 else "RGB")
        if image.size != (width, height):
            # When it shrinks, Pillow widens this filter to cover every source pixel: no aliasing.
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        return np.array(image, dtype=np.uint8).reshape(1, *self._shape)
