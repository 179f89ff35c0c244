"""The count of bursts that wait, in a real Redis: bounded, repeatable, and harmless to lose."""

import threading

import pytest
import redis

from common.waiting import Depth, Waiting


def admit(waiting: Waiting, job: str, size: int = 100, device: str = "cam-a", seconds: int = 60) -> bool:
    admitted, _ = waiting.admit(device, job, size, seconds=seconds, most=3, most_bytes=1000)
    return admitted


@pytest.fixture
def waiting(store: "redis.Redis") -> Waiting:
    return Waiting(store)


def test_bursts_are_admitted_up_to_their_number_and_again_when_one_is_done(waiting: Waiting) -> None:
    assert [admit(waiting, job) for job in "1234"] == [True, True, True, False]
    assert waiting.depth() == Depth(3, 300, 0)
    waiting.done("cam-a", "2")
    assert waiting.depth() == Depth(2, 200, 1)
    assert [admit(waiting, job) for job in "45"] == [True, False]


def test_bursts_are_admitted_up_to_their_bytes(waiting: Waiting) -> None:
    assert admit(waiting, "1", 600)
    assert not admit(waiting, "2", 401)
    assert admit(waiting, "3", 400)
    assert waiting.depth() == Depth(2, 1000, 0)


def test_where_nothing_waits_a_burst_larger_than_the_bound_is_admitted(waiting: Waiting) -> None:
    assert admit(waiting, "1", 5000)
    assert not admit(waiting, "2", 1)
    waiting.done("cam-a", "1")
    assert admit(waiting, "2", 5000)


def test_a_burst_that_waits_is_admitted_again_even_at_the_bound_and_counts_once(waiting: Waiting) -> None:
    for job in "123":
        admit(waiting, job)
    assert admit(waiting, "1") and admit(waiting, "3")
    assert waiting.depth() == Depth(3, 300, 0)


def test_jobs_of_two_devices_are_two(waiting: Waiting) -> None:
    assert admit(waiting, "1") and admit(waiting, "1", device="cam-b")
    waiting.done("cam-b", "1")
    assert waiting.depth() == Depth(1, 100, 1)


def test_what_is_done_twice_or_never_waited_changes_nothing(waiting: Waiting) -> None:
    admit(waiting, "1")
    for job in ("1", "1", "2"):
        waiting.done("cam-a", job)
    assert waiting.depth() == Depth(0, 0, 1)


def test_what_nobody_takes_out_expires_and_does_not_count_as_drained(waiting: Waiting) -> None:
    assert all(admit(waiting, job, seconds=0) for job in "12345")
    assert waiting.depth() == Depth(0, 0, 0)


def test_a_redis_that_forgot_everything_counts_from_zero(waiting: Waiting, store: "redis.Redis") -> None:
    for job in "123":
        admit(waiting, job)
    store.flushall()
    waiting.done("cam-a", "1")
    assert waiting.depth() == Depth(0, 0, 0)
    store.script_flush()
    assert admit(waiting, "2")
    assert waiting.depth() == Depth(1, 100, 0)


def test_bridges_that_admit_at_once_keep_to_one_bound(store: "redis.Redis") -> None:
    admitted: list[bool] = []

    def bridge(number: int) -> None:
        waiting = Waiting(store)
        admitted.extend(admit(waiting, f"{number}-{each}") for each in range(50))

    threads = [threading.Thread(target=bridge, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(admitted) == 3


def test_bursts_are_taken_out_of_a_redis_whose_memory_is_full(waiting: Waiting, store: "redis.Redis") -> None:
    for job in "12":
        admit(waiting, job)
    store.config_set("maxmemory", 1)
    try:
        with pytest.raises(redis.RedisError):
            admit(waiting, "3")
        waiting.done("cam-a", "1")
        assert waiting.depth() == Depth(1, 100, 1)
    finally:
        store.config_set("maxmemory", 0)
