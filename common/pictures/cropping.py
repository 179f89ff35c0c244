"""Crops: four-sided parts of a picture, seen from the front; and frames of them as a network takes them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from common.errors import FrameError
from common.pictures.corners import Corners
from common.pictures.normalise import normalise
from common.pictures.opencv import import_opencv
from common.pictures.picture import Picture
from common.pictures.regions import Region

#: Pixels of a picture's longer side, at most: OpenCV counts them in 16 bits.
_LARGEST_PICTURE = 32_000
#: Pixels of a crop's longer side, at most: some times what a network takes, so that little is lost before `normalise`.
_MOST_SIDE = 256
#: Pixels of a crop's shorter side, at least.
_LEAST_SIDE = 4


def cut(picture: Picture, regions: Sequence[Region], frame_shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """The regions of a picture, whose pixels their corners are, as frames (k, *frame_shape) made ready for a network.

    Raises like `crop`.
    """
    crops = [normalise(crop(picture, region.corners), region.normalise, frame_shape) for region in regions]
    return np.stack(crops)


def crop(picture: Picture, corners: Corners) -> NDArray[np.uint8]:
    """The part of a picture within four corners, clockwise from its top left, as uint8 (h, w, c) seen from the front.

    The crop is as large as the part is in the picture, so no pixel is passed over; what is larger than 256 pixels is
    shrunk to their means. Beyond the picture's edge its last pixels are repeated. Raises `FrameError` for a picture
    that is too large, and `ConfigurationError` where OpenCV isn't installed.
    """
    cv2 = import_opencv("a region of a picture")
    if max(picture.shape[:2]) > _LARGEST_PICTURE:
        raise FrameError(f"a picture of {picture.shape[1]}×{picture.shape[0]} pixels is too large to cut regions out")
    width, height = _size(corners)
    # From corners of pixels, as regions have them, to centres of pixels, as OpenCV has them.
    source = np.array(corners, np.float32) - np.float32(0.5)
    target = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32) - np.float32(0.5)
    seen = cv2.warpPerspective(
        picture,
        cv2.getPerspectiveTransform(source, target),
        (width, height),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    longest = max(width, height)
    if longest > _MOST_SIDE:
        smaller = (round(width * _MOST_SIDE / longest), round(height * _MOST_SIDE / longest))
        seen = cv2.resize(seen, (max(smaller[0], 1), max(smaller[1], 1)), interpolation=cv2.INTER_AREA)
    return np.asarray(seen, np.uint8).reshape(*seen.shape[:2], picture.shape[2])


def _size(corners: Corners) -> tuple[int, int]:
    """Width and height of a crop: those of the longer of opposite sides."""
    top_left, top_right, bottom_right, bottom_left = np.array(corners)
    width = max(np.hypot(*(top_right - top_left)), np.hypot(*(bottom_right - bottom_left)))
    height = max(np.hypot(*(bottom_left - top_left)), np.hypot(*(bottom_right - top_right)))
    return max(round(float(width)), _LEAST_SIDE), max(round(float(height)), _LEAST_SIDE)
