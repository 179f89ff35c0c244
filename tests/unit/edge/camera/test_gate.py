"""The gate admits pictures that show motion, and not too many a second."""

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


def picture(edge: int = 0) -> NDArray[np.uint8]:
    """A grey picture (30, 40, 1) whose upper left quarter is darker or lighter by `edge`."""
    values = np.full((30, 40, 1), 100, np.uint8)
    values[:15, :20] += np.uint8(edge)
    return values


def test_admits_all_when_both_are_off() -> None:
    gate = Gate(None, None)
    assert all(gate.admits(picture()) for _ in range(5))


def test_admits_the_first_picture_and_then_only_motion() -> None:
    gate = Gate(10, None)
    assert [gate.admits(picture(edge)) for edge in (0, 0, 90, 0)] == [True, False, True, False]


def test_motion_is_a_percentage_of_the_picture() -> None:
    for percent, passes in ((20, True), (30, False)):  # a quarter of it changes
        gate = Gate(percent, None)
        assert [gate.admits(picture(edge)) for edge in (0, 0, 90)] == [True, False, passes]


def test_limits_the_rate() -> None:
    clock = Clock()
    gate = Gate(None, 2.0, clock)
    admitted = []
    for _ in range(20):
        admitted.append(gate.admits(picture()))
        clock.now += 0.1
    assert admitted == ([True] + [False] * 4) * 4


def test_allows_no_burst_after_a_pause() -> None:
    clock = Clock()
    gate = Gate(None, 1.0, clock)
    gate.admits(picture())
    clock.now += 60
    assert [gate.admits(picture()) for _ in range(3)] == [True, False, False]


def test_still_pictures_use_up_no_rate() -> None:
    clock = Clock()
    gate = Gate(10, 1.0, clock)
    gate.admits(picture())
    clock.now += 1
    assert [gate.admits(picture(edge)) for edge in (0, 90)] == [False, True]


def test_motion_refused_by_the_rate_is_still_news_when_it_has_become_background() -> None:
    clock = Clock()
    gate = Gate(10, 1.0, clock)
    assert [gate.admits(picture(edge)) for edge in (0, *[90] * 60)] == [True, *[False] * 60]
    clock.now += 1
    assert [gate.admits(picture(90)) for _ in range(2)] == [True, False]


@pytest.mark.parametrize(
    ("motion", "rate", "name"), [(0, None, "motion"), (101, None, "motion"), (None, 0, "max_rate")]
)
def test_refuses_impossible_settings(motion: float | None, rate: float | None, name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} is"):
        Gate(motion, rate)
