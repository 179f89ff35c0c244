"""When a refused burst shall come again: at the fleet's speed, bounded, and all bridges keep one bound."""

import time

import redis

from broker.flow import LEAST_WAIT, MOST_WAIT, FlowControl, ReturnTimes
from broker.settings import BridgeSettings
from common.fleet.waiting import WINDOW_SECONDS, WaitingBursts, promise_key
from common.wire.messages import Task


def measured(per_second: float) -> tuple[ReturnTimes, float]:
    """Return times that have watched a fleet of so many bursts a second for a minute."""
    turns, now = ReturnTimes(), 1000.0
    for second in range(60):
        now += 1.0
        turns.wait(now, int(per_second * second))
    return turns, now + MOST_WAIT


def test_refused_bursts_come_again_at_the_fleet_s_speed() -> None:
    for per_second in (2.0, 20.0):
        turns, now = measured(per_second)
        waits = sorted(turns.wait(now, 10_000) for _ in range(int(10 * per_second)))
        within = sum(wait < 5 for wait in waits)
        assert 4 * per_second < within < 9 * per_second


def test_advice_is_between_a_second_and_a_minute_however_many_are_refused() -> None:
    turns, now = measured(20.0)
    waits = [turns.wait(now, 10_000) for _ in range(5000)]
    assert all(LEAST_WAIT <= wait <= MOST_WAIT for wait in waits)
    late = [wait for wait in waits[2000:] if wait > MOST_WAIT / 2]
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
    assert turns.wait(now + MOST_WAIT, 10_600) < 5


def test_a_redis_that_forgot_everything_is_measured_anew() -> None:
    turns, now = measured(20.0)
    assert turns.wait(now, 0) <= MOST_WAIT


def test_a_device_that_has_its_share_waits_as_long_as_its_bursts_take_and_takes_nobody_s_time() -> None:
    turns, now = measured(20.0)
    assert all(
        LEAST_WAIT <= turns.share(now, 10_000, own) <= MOST_WAIT for own in (1, 10, 100, 10_000) for _ in range(100)
    )
    assert 3 < turns.share(now, 10_000, 100) < 8
    assert turns.wait(now, 10_000) == LEAST_WAIT


def coming(device: str, job: str, size: int = 1000) -> tuple[Task, bytes, str]:
    return Task(device, job, "k", "ab" * 32, f"blob-{device}-{job}", 1.0), b"x" * size, "a turn"


def test_bridges_refuse_what_is_over_the_bounds_of_the_queue(store: "redis.Redis") -> None:
    settings = BridgeSettings(max_queue=4, max_queue_mb=1)
    first, second = FlowControl(store, settings), FlowControl(store, settings)
    assert first.admit(*coming("cam-a", "1", 600_000)) is None
    refusal = second.admit(*coming("cam-b", "1", 600_000))
    assert refusal is not None and LEAST_WAIT <= refusal.retry_in <= MOST_WAIT
    assert "--max-queue-mb" in refusal.detail
    assert first.admit(*coming("cam-a", "1", 600_000)) is None  # it may have been lost
    assert second.admit(*coming("cam-b", "1")) is None
    assert first.admit(*coming("cam-c", "1")) is None
    assert first.admit(*coming("cam-d", "1")) is not None
    WaitingBursts(store).done("cam-a", "1")
    assert second.admit(*coming("cam-d", "1")) is None


def test_a_device_that_came_when_it_was_told_has_room_that_others_have_not(store: "redis.Redis") -> None:
    bridges = [FlowControl(store, BridgeSettings(max_queue=4)) for _ in range(2)]
    for number in range(3):
        assert bridges[0].admit(*coming(f"cam-{number}", "1")) is None
    told, early = (coming(device, "9") for device in ("cam-b", "cam-c"))
    assert bridges[0].admit(*told) is not None
    assert bridges[0].admit(*early) is not None
    store.set(promise_key("cam-b"), time.time() - 1)  # as its turn would come
    assert bridges[1].admit(*early) is not None
    assert bridges[1].admit(*told) is None
    assert not store.exists(promise_key("cam-b"))


def test_one_device_can_neither_fill_the_queue_nor_put_off_others(store: "redis.Redis") -> None:
    flow = FlowControl(store, BridgeSettings(max_queue=64))
    flood = [flow.admit(*coming("flood", str(job))) for job in range(500)]
    admitted, refused = flood.count(None), [each for each in flood if each is not None]
    assert admitted == 24  # half of what is there for those that come unasked
    assert all("of the device" in each.detail for each in refused)
    assert not store.exists(promise_key("flood"))
    assert [flow.admit(*coming(f"cam-{each}", "1")) for each in range(20)] == [None] * 20


def test_what_is_over_a_minute_s_frames_comes_again_when_it_ends(store: "redis.Redis") -> None:
    flow = FlowControl(store, BridgeSettings(max_frames_per_minute=2))
    answers = [flow.admit(*coming("cam-a", str(job))) for job in range(3)]
    assert answers[:2] == [None, None]
    assert answers[2] is not None and 50 < answers[2].retry_in <= WINDOW_SECONDS
    assert "--max-frames-per-minute" in answers[2].detail
