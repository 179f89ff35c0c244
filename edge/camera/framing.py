"""From a camera's picture, in its own size, to frames as the model takes them."""

import threading
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigurationError, FrameError
from common.logs import get_logger
from common.pictures.cropping import cut
from common.pictures.fitting import FrameShape, fit
from common.pictures.marks import Follower, open_follower
from common.pictures.picture import Picture
from common.pictures.region_file import load_regions
from common.plan.plan import PlanHead
from common.quoting import as_utf8
from common.service.repeated import RepeatedLines

log = get_logger(__name__)


class Framing(Protocol):
    """What becomes frames of a picture: the whole of it, or parts."""

    #: The names of the frames of a picture, in their order; a whole picture's is empty.
    names: tuple[str, ...]
    #: Whether the frames of a picture are a burst of their own: then its labels come together, or none does.
    are_burst: bool

    def frames(self, picture: Picture) -> NDArray[np.uint8]:
        """The frames (k, h, w, c) of a picture, one for each of `names`. Raises `FrameError` when it doesn't fit."""


def sources_of(framing: Framing, source: str) -> list[str]:
    """The sources of a picture's frames: that of the picture, and ":" and the region's name behind it."""
    text = as_utf8(source)  # the name of a file may be of any bytes, and it has to be stored
    return [f"{text}:{name}" if name else text for name in framing.names]


class WholePicture:
    """The whole picture is one frame, stretched to the model's size if `resize` allows it."""

    names: tuple[str, ...] = ("",)
    are_burst = False

    def __init__(self, frame_shape: FrameShape, resize: bool) -> None:
        self._shape, self._resize = frame_shape, resize

    def frames(self, picture: Picture) -> NDArray[np.uint8]:
        """The picture as one frame (1, h, w, c). Raises `FrameError` when its size differs and isn't to be changed."""
        try:
            return fit(picture, self._shape, self._resize)[None]
        except FrameError as error:
            raise FrameError(f"{error}; pass --resize, or --regions for parts of the picture") from error


class RegionsOfPicture:
    """Each region of a picture is one frame, in the region file's order.

    Where the file has marks, regions follow the camera. While no mark is found they stay where they were last; a
    picture from before any was found is refused.
    """

    are_burst = True

    def __init__(self, follower: Follower, frame_shape: FrameShape) -> None:
        self.names = follower.names
        self._follower, self._shape = follower, frame_shape
        self._lines = RepeatedLines()
        self._turn = threading.Lock()  # a program may hand over pictures from any of its threads

    def frames(self, picture: Picture) -> NDArray[np.uint8]:
        """The regions' frames (k, h, w, c). Raises `FrameError` when one of them can't be cut out: all or none."""
        with self._turn:
            places = self._follower.places(picture)
        if not places.followed:
            reason = "no mark of the region file is in the picture"
            self._lines.say(log.warning, "regions are where they were last", "", reason=reason)
        return cut(picture, places.regions, self._shape)


def open_framing(regions: Path | None, resize: bool, head: PlanHead) -> Framing:
    """The framing of a device: the regions of a region file, or the whole picture.

    Raises `ConfigurationError` for a file that can't be used, or with more regions than the plan's ciphertexts take,
    and where `resize` is set beside it.
    """
    if regions is None:
        return WholePicture(head.frame_shape, resize)
    if resize:
        raise ConfigurationError(
            f"resize is set, and regions is {regions}: each region is made as large as the model's frames in any case, "
            "and resize is for whole pictures; leave one of them out"
        )
    content = load_regions(regions)
    count, most = len(content.regions), head.frames_per_ciphertext
    if count > most:
        power = 1 << (count - 1).bit_length()
        raise ConfigurationError(
            f"regions is {regions} with {count} regions, which are one burst, and a ciphertext of this plan takes "
            f"{most} frame{'s' if most > 1 else ''}; give a plan compiled with --frames-per-ciphertext {power}"
        )
    return RegionsOfPicture(open_follower(content), head.frame_shape)
