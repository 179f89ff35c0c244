"""Real video files, written and read by OpenCV: whole ones, damaged ones and such that are cut off."""

import struct
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from structlog.testing import capture_logs

from common.errors import ConfigurationError, FrameError
from edge.camera.sources.opening import open_camera
from edge.camera.sources.video import VideoCamera

SHADES = [20 + 7 * number for number in range(30)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty frames of 48×64 in colour, each of one shade."""
    path = tmp_path_factory.mktemp("video") / "shades.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    assert writer.isOpened()
    for shade in SHADES:
        writer.write(np.full((48, 64, 3), shade, np.uint8))
    writer.release()
    return path


def frames(data: bytes) -> list[tuple[int, int]]:
    """Where the frames of an AVI file are, and their lengths."""
    found, place = [], data.index(b"movi")
    while (place := data.find(b"00dc", place)) >= 0 and len(found) < len(SHADES):
        found.append((place + 8, struct.unpack("<I", data[place + 4 : place + 8])[0]))
        place += 8
    return found


def means(path: Path, **options: bool) -> list[float]:
    camera = open_camera(f"video:{path}", **options)
    return [float(shot.picture.mean()) for shot in islice(camera.shots(), 40)]


def test_frames_come_in_order_and_in_their_own_size(whole: Path) -> None:
    shots = list(open_camera(f"video:{whole}").shots())
    assert [shot.picture.shape for shot in shots] == [(48, 64, 3)] * 30
    assert np.allclose([shot.picture.mean() for shot in shots], SHADES, atol=4)
    assert [shot.source for shot in shots] == [f"video:{number}" for number in range(30)]


def test_colours_are_in_the_order_rgb(tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "red.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    writer.write(np.full((48, 64, 3), (0, 0, 200), np.uint8))  # OpenCV's order is BGR
    writer.release()
    (shot,) = open_camera(f"video:{tmp_path / 'red.avi'}").shots()
    assert np.allclose(shot.picture[20, 20], (200, 0, 0), atol=8)


def test_a_looped_video_begins_again(whole: Path) -> None:
    assert np.allclose(means(whole, loop=True), [*SHADES, *SHADES[:10]], atol=4)


def test_a_damaged_frame_in_the_middle_costs_that_frame_only(whole: Path, tmp_path: Path) -> None:
    data = bytearray(whole.read_bytes())
    place, length = frames(bytes(data))[14]
    data[place : place + length] = bytes(length)
    (tmp_path / "damaged.avi").write_bytes(data)
    camera = open_camera(f"video:{tmp_path / 'damaged.avi'}")
    with capture_logs() as logs:
        shades = [float(shot.picture.mean()) for shot in camera.shots()]
    assert np.allclose(shades, [*SHADES[:14], *SHADES[15:]], atol=4)
    assert isinstance(camera, VideoCamera) and camera.skipped == 1
    assert [(entry["event"], entry["good"], entry["damaged"]) for entry in logs] == [
        ("frames of the video are damaged", 29, 1)
    ]


def test_of_one_that_is_cut_off_what_is_whole_comes_out_with_a_warning(whole: Path, tmp_path: Path) -> None:
    data = whole.read_bytes()
    place, length = frames(data)[13]
    (tmp_path / "cut.avi").write_bytes(data[: place + length // 4])
    with capture_logs() as logs:
        shades = means(tmp_path / "cut.avi")
    assert np.allclose(shades[:13], SHADES[:13], atol=4)
    assert [(entry["event"], entry["promised"]) for entry in logs] == [("the video is cut off or damaged", 30)]


def test_one_without_a_single_good_frame_ends_with_an_error(whole: Path, tmp_path: Path) -> None:
    data = bytearray(whole.read_bytes())
    for place, length in frames(bytes(data)):
        data[place : place + length] = bytes(length)
    (tmp_path / "black.avi").write_bytes(data)
    with pytest.raises((FrameError, ConfigurationError), match=r"no frame of|can't open"):
        means(tmp_path / "black.avi")


def test_a_file_that_is_no_video_is_refused_without_a_word_of_opencv(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.avi").write_text("this is no video")
    with pytest.raises(ConfigurationError, match=r"text\.avi, which OpenCV can't open as a video"):
        open_camera(f"video:{tmp_path / 'text.avi'}")
    assert capfd.readouterr() == ("", "")


def test_close_ends_it(whole: Path) -> None:
    camera = open_camera(f"video:{whole}", loop=True)
    shots = camera.shots()
    next(shots)
    camera.close()
    assert list(shots) == []
