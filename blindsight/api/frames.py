"""Frames as programs give them: arrays, Pillow images, and pictures in files."""

from os import PathLike
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common.pictures.picture import Picture, as_picture
from common.pictures.reading import picture_of, read_picture

Frame: TypeAlias = "NDArray[np.uint8] | Image.Image | str | PathLike[str]"


def picture_in(frame: Frame) -> Picture:
    """The picture, read from its file if it is one. Raises `FrameError`."""
    if isinstance(frame, str | PathLike):
        return read_picture(Path(frame))
    return picture_of(frame) if isinstance(frame, Image.Image) else as_picture(frame)


def source_of(frame: Frame) -> str:
    """A picture's path; nothing for one in memory."""
    return str(frame) if isinstance(frame, str | PathLike) else ""
