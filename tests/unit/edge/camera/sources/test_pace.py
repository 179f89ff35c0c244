"""Pictures keep their distance in time."""

import pytest

from edge.camera.sources.pace import Pace
from tests.unit.edge.camera.sources.clock import Clock


def test_sleeping_too_long_does_not_add_up() -> None:
    clock = Clock(oversleep=0.01)
    pace = Pace(4.0, clock, clock.sleep)
    for _ in range(101):
        pace.wait()
    assert clock.now == pytest.approx(50 + 100 / 4, abs=0.02)


def test_a_slow_consumer_is_not_followed_by_a_burst() -> None:
    clock = Clock()
    pace = Pace(10.0, clock, clock.sleep)
    pace.wait()
    clock.now += 5
    times = []
    for _ in range(3):
        pace.wait()
        times.append(clock.now)
    assert times == pytest.approx([55.0, 55.1, 55.2])


def test_without_a_rate_never_waits() -> None:
    clock = Clock()
    pace = Pace(None, clock, clock.sleep)
    for _ in range(3):
        pace.wait()
    assert clock.now == 50.0
