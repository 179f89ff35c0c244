"""A camera that owes a picture is said to, from its own rate; one that is worked on, or owes none, isn't."""

import time
from collections.abc import Iterator

import numpy as np
import pytest

from edge.camera import pulse
from edge.camera.cameras import Shot
from edge.camera.pulse import CameraPulse


class Camera:
    """Gives a picture whenever it is asked, and is asked for its rate."""

    trouble, skipped, reconnects = "", 0, 0

    def __init__(self, rate: float | None = 1.0) -> None:
        self.rate = rate

    def shots(self) -> Iterator[Shot]:
        while True:
            yield Shot(np.zeros((4, 6, 1), np.uint8))

    def close(self) -> None:
        """Nothing to do."""


class Plain:
    """A camera of a program that says no more than it must."""

    shots = Camera.shots
    close = Camera.close


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """What the clock has gone forward by: append to it."""
    forward = [0.0]
    real = time.monotonic
    monkeypatch.setattr(pulse.time, "monotonic", lambda: real() + sum(forward))
    yield forward


def asked(watched: CameraPulse) -> None:
    """The camera is asked for a picture, and takes its time."""
    watched._asked_at = pulse.time.monotonic()


@pytest.mark.parametrize(("rate", "limit"), [(1.0, 30), (25.0, 30), (0.1, 50), (1 / 600, 3000)])
def test_a_picture_is_overdue_after_five_periods_and_half_a_minute_at_least(
    rate: float, limit: float, later: list[float]
) -> None:
    watched = CameraPulse(Camera(rate))
    asked(watched)
    later.append(limit - 1)
    assert watched() is None
    later.append(2)
    assert str(watched()).startswith("the camera has given no picture since ")


def test_it_recovers_with_the_next_picture(later: list[float]) -> None:
    watched = CameraPulse(Camera())
    shots = watched.shots()
    next(shots)
    asked(watched)
    later.append(31)
    assert watched.overdue_since() == watched.last_at
    next(shots)
    assert watched() is None and watched.pictures == 2


def test_it_says_why(later: list[float]) -> None:
    camera = Camera()
    watched = CameraPulse(camera)
    asked(watched)
    later.append(31)
    camera.trouble = "the camera http://x/ can't be reached"
    assert str(watched()).endswith(" UTC: the camera http://x/ can't be reached")


def test_the_time_in_which_a_picture_is_worked_on_does_not_count(later: list[float]) -> None:
    watched = CameraPulse(Camera())
    next(watched.shots())
    later.append(1000)
    assert watched() is None


def test_nothing_is_expected_of_a_camera_that_says_no_rate_or_has_ended(later: list[float]) -> None:
    for camera in (Camera(None), Plain()):
        watched = CameraPulse(camera)
        asked(watched)
        later.append(10_000)
        assert watched() is None

    class Ended(Camera):
        def shots(self) -> Iterator[Shot]:
            yield from ()

    watched = CameraPulse(Ended())
    assert list(watched.shots()) == []
    later.append(10_000)
    assert watched() is None


def test_what_a_camera_counts_is_taken_over() -> None:
    camera = Camera()
    camera.skipped, camera.reconnects = 3, 2
    watched = CameraPulse(camera)
    watched.unfit = 1
    assert (watched.skipped, watched.reconnects) == (4, 2)
    assert (CameraPulse(Plain()).skipped, CameraPulse(Plain()).reconnects) == (0, 0)
