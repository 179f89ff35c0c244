"""The camera of a Raspberry Pi, with a stand-in for picamera2, which only such a machine has."""

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from common.errors import FrameError
from edge.camera.sources.opening import open_camera


class Picamera2:
    """As much of picamera2 as is used."""

    def __init__(self, number: int) -> None:
        if number != 0:
            raise IndexError("list index out of range")
        self.running = self.closed = False

    def create_video_configuration(self, main: dict[str, Any]) -> dict[str, Any]:
        return main

    def configure(self, configuration: dict[str, Any]) -> None:
        assert configuration["format"] == "BGR888"  # which is RGB in memory
        width, height = configuration["size"]
        self.shape = height, width, 3

    def start(self) -> None:
        self.running = True

    def capture_array(self) -> np.ndarray[Any, Any]:
        assert self.running and not self.closed
        return np.full(self.shape, 9, np.uint8)

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", SimpleNamespace(Picamera2=Picamera2))
    monkeypatch.setattr("edge.camera.sources.retries._FIRST_SECONDS", 0.1)
    monkeypatch.setattr("edge.camera.sources.retries._FIRST_PAUSE", 0.02)


def test_its_pictures_are_in_rgb() -> None:
    camera = open_camera("picamera2:0")
    shot = next(camera.shots())
    camera.close()
    assert (shot.picture.shape, shot.source) == ((972, 1296, 3), "picamera2:0")


def test_one_that_is_not_there_ends_the_start() -> None:
    with pytest.raises(FrameError, match="picamera2:1 can't be opened: list index out of range"):
        open_camera("picamera2:1")
