"""Webcams: there are none on test machines, so OpenCV's part is played; what is made of it is ours."""

import threading
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from structlog.testing import capture_logs

from common.errors import ConfigurationError, FrameError
from edge.camera.sources.opening import open_camera

Answers = Iterator[NDArray[np.uint8] | None]


def picture(number: int) -> NDArray[np.uint8]:
    return np.full((4, 6, 3), number, np.uint8)


class Webcam:
    """What OpenCV opens: each opening takes the next of `openings`, whose pictures it gives; None is a failed read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.openings: list[Answers | None] = []
        self.opened: list[str] = []
        self.released = 0
        self.asked = threading.Semaphore(0)
        monkeypatch.setattr(cv2, "VideoCapture", self._open)

    def _open(self, path: str, backend: int) -> Any:
        assert backend == cv2.CAP_V4L2
        self.opened.append(path)
        answers = self.openings.pop(0) if self.openings else None
        webcam = self

        class Capture:
            def isOpened(self) -> bool:  # noqa: N802
                return answers is not None

            def set(self, name: int, value: float) -> None:
                assert (name, value) == (cv2.CAP_PROP_BUFFERSIZE, 1)

            def read(self) -> tuple[bool, NDArray[np.uint8] | None]:
                webcam.asked.acquire(timeout=0.01)  # the pace of the camera
                answer = next(answers or iter(()), None)
                return answer is not None, answer

            def release(self) -> None:
                webcam.released += 1

        return Capture()


@pytest.fixture
def webcam(monkeypatch: pytest.MonkeyPatch) -> Webcam:
    monkeypatch.setattr("edge.camera.sources.retries._FIRST_PAUSE", 0.02)
    monkeypatch.setattr("edge.camera.sources.retries._FIRST_SECONDS", 0.2)
    monkeypatch.setattr("edge.camera.sources.opencv._FAILURES", 3)
    return Webcam(monkeypatch)


@pytest.fixture
def plug(webcam: Webcam) -> Iterator[Callable[..., Any]]:
    cameras: list[Any] = []

    def start(spec: str = "webcam:2", **options: Any) -> Any:
        cameras.append(open_camera(spec, **options))
        return cameras[-1]

    yield start
    for each in cameras:
        each.close()
        each._reader.join()


def endless(start: int = 1) -> Answers:
    number = start
    while True:
        yield picture(number % 256)
        number += 1


@pytest.mark.parametrize(("spec", "path"), [("webcam:2", "/dev/video2"), ("/dev/video7", "/dev/video7")])
def test_it_is_opened_by_number_or_by_path(webcam: Webcam, plug: Callable[..., Any], spec: str, path: str) -> None:
    webcam.openings = [endless()]
    shots = list(islice(plug(spec).shots(), 2))
    assert webcam.opened == [path]
    assert [shot.source for shot in shots] == ["webcam:0", "webcam:1"]


def test_pictures_that_nobody_takes_in_time_are_dropped(webcam: Webcam, plug: Callable[..., Any]) -> None:
    webcam.openings = [endless()]
    numbers = [int(shot.picture[0, 0, 0]) for shot in islice(plug(rate=10.0).shots(), 3)]
    assert numbers[1] - numbers[0] > 3 and numbers[2] - numbers[1] > 3


def test_one_read_that_fails_is_nothing(webcam: Webcam, plug: Callable[..., Any]) -> None:
    webcam.openings = [iter([picture(1), None, picture(2), None, None, *map(picture, range(3, 250))])]
    camera = plug()
    with capture_logs() as logs:
        assert len(list(islice(camera.shots(), 5))) == 5
    assert camera.reconnects == 0
    assert [entry for entry in logs if entry.get("camera") == "/dev/video2"] == []


def test_one_that_is_unplugged_is_opened_again_when_it_is_back(webcam: Webcam, plug: Callable[..., Any]) -> None:
    webcam.openings = [iter([picture(1)]), None, None, endless(100)]
    with capture_logs() as logs:
        values = [int(shot.picture[0, 0, 0]) for shot in islice(plug().shots(), 2)]
    assert values[0] in (1, 100) and values[1] >= 100
    assert len(webcam.opened) == 4
    reasons = [entry["reason"] for entry in logs if entry["event"] == "the camera gives no picture"]
    assert [each.partition(";")[0] for each in reasons] == [
        "the webcam /dev/video2 gives no more pictures",
        *["the webcam /dev/video2 isn't there"] * 2,
    ]
    assert logs[-1]["event"] == "the camera gives pictures again"


def test_one_that_is_not_there_ends_the_start(webcam: Webcam, plug: Callable[..., Any]) -> None:
    with pytest.raises(ConfigurationError, match="/dev/video2 isn't there; webcams of this machine: "):
        plug()
    assert len(webcam.opened) == 1
    with pytest.raises(FrameError, match="/dev/null can't be opened; does another program use it"):
        plug("/dev/null")
    assert len(webcam.opened) > 2


def test_close_lets_go_of_it(webcam: Webcam, plug: Callable[..., Any]) -> None:
    webcam.openings = [endless()]
    camera = plug()
    shots = camera.shots()
    next(shots)
    camera.close()
    assert list(shots) == []
    camera._reader.join()
    assert webcam.released == 1
