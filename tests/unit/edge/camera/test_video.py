"""Real video files, written and read by OpenCV."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from common.errors import ConfigurationError
from edge.camera.cameras import open_camera

SHADES = [20, 90, 160, 230]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four frames of 48×64 in colour, each of one shade."""
    path = tmp_path_factory.mktemp("video") / "shades.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    assert writer.isOpened()
    for shade in SHADES:
        writer.write(np.full((48, 64, 3), shade, np.uint8))
    writer.release()
    return path


def test_frames_come_in_order_and_in_their_own_size(video: Path) -> None:
    camera = open_camera(f"video:{video}")
    shots = list(camera.shots())
    assert [shot.picture.shape for shot in shots] == [(48, 64, 3)] * 4
    assert np.allclose([shot.picture.mean() for shot in shots], SHADES, atol=4)
    assert [shot.source for shot in shots] == [f"video:{number}" for number in range(4)]


def test_a_looped_video_begins_again(video: Path) -> None:
    camera = open_camera(f"video:{video}", loop=True)
    shots = camera.shots()
    means = [next(shots).picture.mean() for _ in range(6)]
    camera.close()
    assert np.allclose(means, [*SHADES, *SHADES[:2]], atol=4)


def test_a_file_that_is_no_video_and_a_webcam_that_is_not_there_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.avi").write_text("this is no video")
    for spec in (f"video:{tmp_path / 'text.avi'}", "webcam:99"):
        with pytest.raises(ConfigurationError, match=r"OpenCV|open"):
            list(open_camera(spec).shots())
