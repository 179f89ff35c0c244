"""A crop is a four-sided part of a picture, seen from the front, without aliasing."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from common.errors import FrameError
from common.pictures.corners import Corners
from common.pictures.cropping import crop


def box(left: float, top: float, width: float, height: float) -> Corners:
    return (left, top), (left + width, top), (left + width, top + height), (left, top + height)


def texture(height: int, width: int, channels: int = 1) -> NDArray[np.uint8]:
    noise = np.random.default_rng(5).integers(0, 256, (height, width, channels), np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 2)).reshape(height, width, channels)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_crop_of_a_box_is_its_pixels(channels: int) -> None:
    picture = texture(60, 80, channels)
    assert (crop(picture, box(10, 20, 30, 24)) == picture[20:44, 10:40]).all()


def test_corners_say_which_way_up_it_is() -> None:
    picture = texture(60, 80)
    left_top, right_top, right_bottom, left_bottom = box(10, 20, 30, 24)
    turned = crop(picture, (right_bottom, left_bottom, left_top, right_top))
    assert (turned == picture[20:44, 10:40][::-1, ::-1]).all()


def test_a_part_seen_askew_is_seen_from_the_front() -> None:
    front = texture(90, 60)
    corners: Corners = ((50.5, 30.5), (128.5, 44.5), (120.5, 150.5), (42.5, 140.5))
    to_picture = cv2.getPerspectiveTransform(
        np.array(box(0, 0, 60, 90), np.float32) - 0.5, np.array(corners, np.float32) - 0.5
    )
    picture = np.asarray(cv2.warpPerspective(front, to_picture, (200, 200)), np.uint8)[:, :, None]
    seen = cv2.resize(crop(picture, corners), (60, 90), interpolation=cv2.INTER_AREA)
    assert np.abs(seen.astype(float) - front[:, :, 0]).mean() < 3


def test_the_finest_stripes_of_a_large_region_become_grey() -> None:
    picture = np.zeros((1600, 2000, 1), np.uint8)
    picture[:, ::2] = 255
    seen = crop(picture, box(100, 50, 1600, 1500))
    assert max(seen.shape) == 256
    assert np.abs(seen.astype(float) - 127.5).max() < 50  # nearest pixels would give 0 and 255 in broad bands


def test_a_picture_too_large_for_opencv_is_refused() -> None:
    with pytest.raises(FrameError, match="too large"):
        crop(np.zeros((4, 40_000, 1), np.uint8), box(0, 0, 8, 4))
