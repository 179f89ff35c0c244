"""From a camera's picture, in its own size, to frames as the model takes them."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from common.errors import FrameError
from common.pictures.fitting import FrameShape, fit
from common.pictures.picture import Picture


class Framing(Protocol):
    """What becomes frames of a picture: the whole of it, or parts."""

    #: The names of the frames of a picture, in their order; a whole picture's is empty.
    names: tuple[str, ...]

    def frames(self, picture: Picture) -> NDArray[np.uint8]:
        """The frames (k, h, w, c) of a picture, one for each of `names`. Raises `FrameError` when it doesn't fit."""


class WholePicture:
    """The whole picture is one frame, stretched to the model's size if `resize` allows it."""

    names: tuple[str, ...] = ("",)

    def __init__(self, frame_shape: FrameShape, resize: bool) -> None:
        self._shape, self._resize = frame_shape, resize

    def frames(self, picture: Picture) -> NDArray[np.uint8]:
        """The picture as one frame (1, h, w, c). Raises `FrameError` when its size differs and isn't to be changed."""
        try:
            return fit(picture, self._shape, self._resize)[None]
        except FrameError as error:
            raise FrameError(f"{error}; pass --resize") from error
