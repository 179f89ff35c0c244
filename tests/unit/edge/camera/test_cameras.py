"""Cameras give frames that fit, at the rate asked for, and survive what they can't read."""

import sys
import threading
import time
from itertools import islice, pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from structlog.testing import capture_logs

from common.errors import ConfigurationError, FrameError
from edge.camera.cameras import FolderCamera, Pace, VideoCamera, open_camera

SHAPE = (4, 6, 1)


class Clock:
    """Time that passes only by sleeping, and a note of when frames came."""

    def __init__(self, oversleep: float = 0.0) -> None:
        self.now, self.oversleep = 50.0, oversleep

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds + self.oversleep


def save(path: Path, value: int = 7, size: tuple[int, int] = (6, 4)) -> None:
    Image.new("L", size, value).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for value, name in enumerate(("b.png", "a.bmp", "C.PGM")):
        save(tmp_path / name, value)
    (tmp_path / "notes.txt").write_text("not an image, and not taken for one")
    return tmp_path


class TestFolder:
    def test_gives_images_in_order_of_their_names(self, folder: Path) -> None:
        shots = list(open_camera(f"folder:{folder}").shots())
        assert [(shot.source, int(shot.picture[0, 0, 0])) for shot in shots] == [
            ("C.PGM", 2),
            ("a.bmp", 1),
            ("b.png", 0),
        ]
        assert all(shot.picture.shape == SHAPE for shot in shots)

    def test_skips_what_it_cannot_read_and_says_why(self, folder: Path) -> None:
        (folder / "b1.png").write_text("hello")
        (folder / "b2.png").write_bytes((folder / "b.png").read_bytes()[:40])
        save(folder / "z.png")
        camera = open_camera(f"folder:{folder}")
        with capture_logs() as logs:
            sources = [shot.source for shot in camera.shots()]
        assert sources == ["C.PGM", "a.bmp", "b.png", "z.png"]
        assert camera.skipped == 2
        assert [(entry["log_level"], entry["file"]) for entry in logs] == [
            ("warning", name) for name in ("b1.png", "b2.png")
        ]
        assert "can't be read as a picture" in logs[0]["reason"]

    def test_skips_a_file_that_has_gone(self, folder: Path) -> None:
        camera = open_camera(f"folder:{folder}")
        (folder / "a.bmp").unlink()
        assert [shot.source for shot in camera.shots()] == ["C.PGM", "b.png"]

    def test_gives_pictures_in_their_own_size(self, folder: Path) -> None:
        save(folder / "d.png", 9, size=(60, 40))
        shots = list(open_camera(f"folder:{folder}").shots())
        assert shots[-1].picture.shape == (40, 60, 1)

    def test_loops_for_ever(self, folder: Path) -> None:
        camera = open_camera(f"folder:{folder}", loop=True)
        sources = [shot.source for shot in islice(camera.shots(), 8)]
        assert sources == (["C.PGM", "a.bmp", "b.png"] * 3)[:8]

    @pytest.mark.parametrize("loop", [False, True])
    def test_one_without_any_usable_image_ends_with_an_error(self, tmp_path: Path, loop: bool) -> None:
        (tmp_path / "a.png").write_text("hello")
        with pytest.raises(FrameError, match="none of the 1 images"):
            list(open_camera(f"folder:{tmp_path}", loop=loop).shots())

    def test_close_ends_a_wait(self, folder: Path) -> None:
        camera = open_camera(f"folder:{folder}", rate=0.001)
        shots = camera.shots()
        next(shots)
        threading.Timer(0.05, camera.close).start()
        start = time.monotonic()
        assert list(shots) == []
        assert time.monotonic() - start < 2


class TestPace:
    def test_keeps_frames_apart(self, folder: Path) -> None:
        clock = Clock()
        camera = FolderCamera(folder, loop=True, pace=Pace(4.0, clock, clock.sleep))
        times = [clock.now for _ in islice(camera.shots(), 5)]
        assert times == [50.0, 50.25, 50.5, 50.75, 51.0]

    def test_sleeping_too_long_does_not_add_up(self) -> None:
        clock = Clock(oversleep=0.01)
        pace = Pace(4.0, clock, clock.sleep)
        for _ in range(101):
            pace.wait()
        assert clock.now == pytest.approx(50 + 100 / 4, abs=0.02)

    def test_a_slow_consumer_is_not_followed_by_a_burst(self) -> None:
        clock = Clock()
        pace = Pace(10.0, clock, clock.sleep)
        pace.wait()
        clock.now += 5
        times = []
        for _ in range(3):
            pace.wait()
            times.append(clock.now)
        assert times == pytest.approx([55.0, 55.1, 55.2])

    def test_without_a_rate_never_waits(self) -> None:
        clock = Clock()
        pace = Pace(None, clock, clock.sleep)
        for _ in range(3):
            pace.wait()
        assert clock.now == 50.0


class TestSpec:
    @pytest.mark.parametrize(
        "spec", ["", "folder", "folder:", "video:", "webcam:", "webcam:front", "webcam:-1", "rtsp://x"]
    )
    def test_an_unknown_one_lists_the_forms(self, spec: str) -> None:
        with pytest.raises(ConfigurationError, match="give folder:PATH, video:PATH, webcam:NUMBER or samples:MODEL"):
            open_camera(spec)

    def test_a_missing_folder(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="No such file or directory"):
            open_camera(f"folder:{tmp_path / 'none'}")

    def test_a_folder_without_images(self, tmp_path: Path) -> None:
        (tmp_path / "folder.png").mkdir()
        with pytest.raises(ConfigurationError, match=r"holds no images \(\.png"):
            open_camera(f"folder:{tmp_path}")

    def test_a_missing_video(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="there is no file"):
            open_camera(f"video:{tmp_path / 'none.mp4'}")

    @pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
    def test_an_impossible_rate(self, folder: Path, rate: float) -> None:
        with pytest.raises(ConfigurationError, match="rate is"):
            open_camera(f"folder:{folder}", rate=rate)

    def test_without_opencv_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "cv2", None)
        with pytest.raises(ConfigurationError, match=r"-m pip install opencv-python-headless$"):
            open_camera("webcam:0")


class FakeCapture:
    """OpenCV's VideoCapture over frames that are all of one value: their number."""

    length = 3
    opens = True
    pixels: ClassVar[tuple[int, int, int]] = (4, 6, 3)
    released = 0

    def __init__(self, source: str | int) -> None:
        self.number = 0

    def isOpened(self) -> bool:  # noqa: N802
        return self.opens

    def set(self, name: int, value: float) -> None:
        """As OpenCV has it."""

    def grab(self) -> bool:
        self.number += 1
        return self.number <= self.length

    def read(self) -> tuple[bool, NDArray[np.uint8] | None]:
        if not self.grab():
            return False, None
        return True, np.full(self.pixels, self.number - 1, np.uint8)

    def release(self) -> None:
        type(self).released += 1


@pytest.fixture
def capture(monkeypatch: pytest.MonkeyPatch) -> Any:
    kind = type("Capture", (FakeCapture,), {})
    monkeypatch.setitem(sys.modules, "cv2", SimpleNamespace(VideoCapture=kind, CAP_PROP_BUFFERSIZE=38))
    return kind


@pytest.fixture
def video(tmp_path: Path) -> str:
    (tmp_path / "film.mp4").touch()
    return f"video:{tmp_path / 'film.mp4'}"


class TestVideo:
    def test_gives_each_frame_and_lets_go(self, capture: Any, video: str) -> None:
        shots = list(open_camera(video).shots())
        assert [(shot.source, int(shot.picture[0, 0, 0])) for shot in shots] == [
            ("video:0", 0),
            ("video:1", 1),
            ("video:2", 2),
        ]
        assert capture.released == 1

    def test_loops(self, capture: Any, video: str) -> None:
        shots = islice(open_camera(video, loop=True).shots(), 5)
        assert [shot.source for shot in shots] == ["video:0", "video:1", "video:2", "video:0", "video:1"]

    def test_turns_opencv_order_into_rgb(self, capture: Any, video: str, monkeypatch: pytest.MonkeyPatch) -> None:
        blue_first = np.zeros((4, 6, 3), np.uint8)
        blue_first[:, :, 0] = 200
        monkeypatch.setattr(capture, "read", lambda self: (True, blue_first))
        shot = next(open_camera(video).shots())
        assert tuple(shot.picture[0, 0]) == (0, 0, 200)

    def test_one_that_opencv_cannot_open(self, capture: Any, video: str) -> None:
        capture.opens = False
        with pytest.raises(ConfigurationError, match="can't open"):
            open_camera(video)

    def test_a_webcam_that_fails_is_an_error_not_an_end(self, capture: Any) -> None:
        with pytest.raises(FrameError, match="still plugged in"):
            list(open_camera("webcam:0").shots())

    def test_a_webcam_drops_frames_while_it_waits(self, capture: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = Clock()
        capture.length = 100
        grab = FakeCapture.grab

        def timed_grab(self: FakeCapture) -> bool:
            clock.now += 0.1  # ten frames a second
            return grab(self)

        monkeypatch.setattr(capture, "grab", timed_grab)
        camera = VideoCamera(0, loop=False, pace=Pace(2.0, clock, clock.sleep))
        numbers = [int(shot.picture[0, 0, 0]) for shot in islice(camera.shots(), 4)]
        assert all(later - earlier >= 4 for earlier, later in pairwise(numbers))

    def test_close_ends_it(self, capture: Any) -> None:
        capture.length = 10**9
        camera = open_camera("webcam:0")
        shots = camera.shots()
        next(shots)
        camera.close()
        assert list(shots) == []
        assert capture.released == 1
