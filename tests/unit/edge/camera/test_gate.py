"""The gate admits frames that show motion, and not too many a second."""

import numpy as np
import pytest
from numpy.typing import NDArray

from common.errors import ConfigurationError
from edge.camera.gate import Gate


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def frame(value: int) -> NDArray[np.uint8]:
    return np.full((4, 4, 1), value, np.uint8)


def test_admits_all_when_both_are_off() -> None:
    gate = Gate(None, None)
    assert all(gate.admits(frame(0)) for _ in range(5))


def test_admits_the_first_frame_and_then_only_motion() -> None:
    gate = Gate(10, None)
    assert [gate.admits(frame(v)) for v in (0, 9, 10, 10)] == [True, False, True, False]


def test_measures_motion_in_both_directions() -> None:
    gate = Gate(200, None)
    assert [gate.admits(frame(v)) for v in (255, 0, 255)] == [True, True, True]


def test_adds_up_slow_motion_since_the_last_admitted_frame() -> None:
    gate = Gate(10, None)
    assert [gate.admits(frame(v)) for v in (0, 4, 8, 12)] == [True, False, False, True]


def test_keeps_its_own_copy_of_the_frame() -> None:
    gate, buffer = Gate(10, None), frame(0)
    gate.admits(buffer)
    buffer[:] = 50  # a camera may fill the same memory again
    assert gate.admits(buffer)


def test_a_picture_of_another_size_is_motion() -> None:
    gate = Gate(10, None)
    assert [gate.admits(each) for each in (frame(0), np.zeros((5, 4, 1), np.uint8), frame(0))] == [True, True, True]


def test_limits_the_rate() -> None:
    clock = Clock()
    gate = Gate(None, 2.0, clock)
    admitted = []
    for _ in range(20):
        admitted.append(gate.admits(frame(0)))
        clock.now += 0.1
    assert admitted == ([True] + [False] * 4) * 4


def test_allows_no_burst_after_a_pause() -> None:
    clock = Clock()
    gate = Gate(None, 1.0, clock)
    gate.admits(frame(0))
    clock.now += 60
    assert [gate.admits(frame(0)) for _ in range(3)] == [True, False, False]


def test_still_frames_use_up_no_rate() -> None:
    clock = Clock()
    gate = Gate(10, 1.0, clock)
    gate.admits(frame(0))
    clock.now += 1
    assert [gate.admits(frame(v)) for v in (0, 50)] == [False, True]


def test_motion_refused_by_the_rate_is_still_motion_later() -> None:
    clock = Clock()
    gate = Gate(10, 1.0, clock)
    assert [gate.admits(frame(v)) for v in (0, 50)] == [True, False]
    clock.now += 1
    assert gate.admits(frame(50))


@pytest.mark.parametrize(
    ("motion", "rate", "name"), [(-1, None, "motion"), (256, None, "motion"), (None, 0, "max_rate")]
)
def test_refuses_impossible_settings(motion: float | None, rate: float | None, name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} is"):
        Gate(motion, rate)
