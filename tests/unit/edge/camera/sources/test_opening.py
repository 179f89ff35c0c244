"""A camera's name is understood, or refused with the forms and without any password."""

import sys
from pathlib import Path

import pytest

from common.errors import ConfigurationError
from edge.camera.sources.opening import open_camera


@pytest.mark.parametrize(
    "spec", ["", "folder", "folder:", "video:", "webcam:", "webcam:front", "webcam:-1", "rtps://user:hunter2@x/"]
)
def test_an_unknown_one_lists_the_forms_and_shows_no_password(spec: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"give folder:PATH, video:PATH, webcam:N, .* or samples:MODEL"
    ) as error:
        open_camera(spec)
    assert "hunter2" not in str(error.value)


def test_a_folder_without_its_form_is_told_the_form(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"give folder:{tmp_path}$"):
        open_camera(str(tmp_path))


def test_a_missing_video(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no file"):
        open_camera(f"video:{tmp_path / 'none.mp4'}")


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_an_impossible_rate(tmp_path: Path, rate: float) -> None:
    with pytest.raises(ConfigurationError, match="rate is"):
        open_camera(f"folder:{tmp_path}", rate=rate)


def test_only_a_folder_is_watched_and_then_it_does_not_loop(tmp_path: Path) -> None:
    for spec, loop in (("webcam:0", False), (f"folder:{tmp_path}", True)):
        with pytest.raises(ConfigurationError, match="watch is for folders"):
            open_camera(spec, loop=loop, memory=tmp_path / "watched.json")


@pytest.mark.parametrize(
    ("spec", "module", "says"),
    [
        ("webcam:0", "cv2", r"/dev/video0 needs OpenCV.* -m pip install opencv-python-headless$"),
        ("rtsp://u:hunter2@host/x", "cv2", "rtsp://host/x needs OpenCV"),
        ("picamera2:0", "picamera2", "sudo apt install python3-picamera2"),
    ],
)
def test_without_its_library_a_camera_says_what_to_install(
    spec: str, module: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigurationError, match=says):
        open_camera(spec)
