"""Motion is what differs from a background that is learnt from the pictures, in the camera's own size."""

import sys

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from common.errors import ConfigurationError
from edge.camera.motion import Motion

SCENE = cv2.GaussianBlur(np.random.default_rng(2).integers(60, 180, (240, 320, 3)).astype(np.float32), (0, 0), 5)
NOISE = np.random.default_rng(3)


def seen(box: tuple[int, int] | None = None, light: float = 0) -> NDArray[np.uint8]:
    """The scene with a camera's noise; with a white box of 60×80 pixels, a sixteenth of it, at (x, y)."""
    picture = SCENE + light + NOISE.normal(0, 4, SCENE.shape)
    if box is not None:
        picture[box[1] : box[1] + 60, box[0] : box[0] + 80] = 235
    return picture.clip(0, 255).astype(np.uint8)


def after_a_while() -> Motion:
    motion = Motion()
    for _ in range(5):
        motion.share(seen())
    return motion


def test_all_of_the_first_picture_is_motion_and_noise_is_none() -> None:
    motion = Motion()
    assert [round(motion.share(seen()), 3) for _ in range(4)] == [1, 0, 0, 0]


@pytest.mark.parametrize("pictures", [0, 60])
def test_what_moves_counts_by_its_area_as_soon_as_there_is_a_background(pictures: int) -> None:
    motion = Motion()
    for _ in range(1 + pictures):
        motion.share(seen())
    for x in (20, 60, 120):
        assert motion.share(seen((x, 90))) == pytest.approx(1 / 16, abs=0.01)


def test_what_stays_becomes_background() -> None:
    motion = after_a_while()
    shares = [motion.share(seen((100, 50))) for _ in range(40)]
    assert shares[0] > 0.05
    assert shares[-1] < 0.001


def test_a_light_that_blinks_is_motion_while_it_is_on() -> None:
    motion = after_a_while()
    assert motion.share(seen(light=60)) > 0.9
    assert motion.share(seen()) < 0.001


def test_a_light_that_stays_on_is_no_motion_for_ever() -> None:
    motion = after_a_while()
    assert [motion.share(seen(light=60)) for _ in range(40)][-1] < 0.001


def test_a_picture_of_another_size_begins_anew() -> None:
    motion = after_a_while()
    larger = cv2.resize(seen(), (640, 480))
    assert motion.share(larger) == 1
    assert motion.share(larger) < 0.001


def test_opencv_that_is_missing_is_told_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ConfigurationError, match=r"motion needs OpenCV, and that isn't installed; run: .*pip install"):
        Motion()
