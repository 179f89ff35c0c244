"""When a refused burst shall come again: at the fleet's speed, bounded, and all bridges keep one bound."""

import time

import redis

from broker.flow import LEAST, MOST, FlowControl, Turns
from broker.settings import BridgeSettings
from common.topics import FrameTopic
from common.waiting import Waiting


def measured(per_second: float) -> tuple[Turns, float]:
    """Turns that have watched a fleet of so many bursts a second for a minute."""
    turns, now = Turns(), 1000.0
    for second in range(60):
        now += 1.0
        turns.wait(now, int(per_second * second))
    return turns, now + MOST


def test_refused_bursts_come_again_at_the_fleet_s_speed() -> None:
    for per_second in (2.0, 20.0):
        turns, now = measured(per_second)
        waits = sorted(turns.wait(now, 10_000) for _ in range(int(10 * per_second)))
        within = sum(wait < 5 for wait in waits)
        assert 4 * per_second < within < 9 * per_second


def test_advice_is_between_a_second_and_a_minute_however_many_are_refused() -> None:
    turns, now = measured(20.0)
    waits = [turns.wait(now, 10_000) for _ in range(5000)]
    assert all(LEAST <= wait <= MOST for wait in waits)
    late = [wait for wait in waits[2000:] if wait > MOST / 2]
    assert len(late) == 3000 and len({round(wait) for wait in late}) > 25  # spread, not all at the end


def test_a_fleet_that_stands_still_asks_for_patience_and_one_that_is_back_is_noticed() -> None:
    turns, now = measured(20.0)
    for _ in range(60):
        now += 1.0
        turns.wait(now, 10_000)
    assert turns.wait(now, 10_000) > 10
    for second in range(30):
        now += 1.0
        turns.wait(now, 10_000 + 20 * second)
    assert turns.wait(now + MOST, 10_600) < 5


def test_a_redis_that_forgot_everything_is_measured_anew() -> None:
    turns, now = measured(20.0)
    assert turns.wait(now, 0) <= MOST


def test_bridges_refuse_what_is_over_the_bounds_of_the_queue(store: "redis.Redis") -> None:
    settings = BridgeSettings(max_queue=4, max_queue_mb=1)
    first, second = FlowControl(store, settings), FlowControl(store, settings)
    jobs = [FrameTopic("cam-a", f"{number:08d}-0123456789abcdef") for number in range(5)]
    assert first.wait(jobs[0], 600_000) is None
    wait = second.wait(jobs[1], 600_000)
    assert wait is not None and LEAST <= wait <= MOST
    assert first.wait(jobs[0], 600_000) is None  # it may have been lost
    assert second.wait(jobs[1], 1000) is None
    assert first.wait(jobs[2], 1000) is None
    assert first.wait(jobs[3], 1000) is not None
    Waiting(store).done(*jobs[0])
    assert second.wait(jobs[3], 1000) is None


def test_a_device_that_came_when_it_was_told_has_room_that_others_have_not(store: "redis.Redis") -> None:
    bridges = [FlowControl(store, BridgeSettings(max_queue=4)) for _ in range(2)]
    for number in range(3):
        assert bridges[0].wait(FrameTopic("cam-a", f"{number:08d}-0123456789abcdef"), 1000) is None
    told, early = (FrameTopic(device, "00000009-0123456789abcdef") for device in ("cam-b", "cam-c"))
    assert bridges[0].wait(told, 1000) is not None
    assert bridges[0].wait(early, 1000) is not None
    store.set("blindsight:turn:cam-b", time.time() - 1)  # as its turn would come
    assert bridges[1].wait(early, 1000) is not None
    assert bridges[1].wait(told, 1000) is None
    assert not store.exists("blindsight:turn:cam-b")
