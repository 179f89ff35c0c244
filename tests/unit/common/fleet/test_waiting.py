"""The bursts that wait, in a real Redis: bounded, shared out, repeatable, and harmless to lose."""

import threading
import time

import msgspec
import pytest
import redis

from common.fleet import redis_keys
from common.fleet.waiting import WINDOW_SECONDS, Bounds, Depth, WaitingBursts, limit_key, promise_key, shares
from common.wire.messages import Task

PLAN = "ab" * 32
THREE = Bounds(bursts=3, bytes=1000, early_bursts=3, early_bytes=1000)


def task(job: str, device: str = "cam-a", frames: int = 1) -> Task:
    return Task(device, job, "k", PLAN, redis_keys.blob_key(device, job), 1.0, frames)


def verdict(
    waiting: WaitingBursts, job: str, size: int = 100, device: str = "cam-a", bounds: Bounds = THREE, frames: int = 1
) -> str:
    return waiting.admit(task(job, device, frames), b"x" * size, 60, bounds, "a turn").verdict


def admit(waiting: WaitingBursts, job: str, size: int = 100, bounds: Bounds = THREE) -> bool:
    """Let a burst of a device of its own wait."""
    return verdict(waiting, job, size, f"cam-{job}", bounds) == "admitted"


def done(waiting: WaitingBursts, job: str) -> None:
    waiting.done(f"cam-{job}", job)


@pytest.fixture
def waiting(store: "redis.Redis") -> WaitingBursts:
    return WaitingBursts(store)


def test_bursts_are_admitted_up_to_their_number_and_again_when_one_is_done(waiting: WaitingBursts) -> None:
    assert [admit(waiting, job) for job in "1234"] == [True, True, True, False]
    assert waiting.depth() == Depth(3, 300, 0)
    done(waiting, "2")
    assert waiting.depth() == Depth(2, 200, 1)
    assert [admit(waiting, job) for job in "45"] == [True, False]


def test_bursts_are_admitted_up_to_their_bytes(waiting: WaitingBursts) -> None:
    assert admit(waiting, "1", 600)
    assert not admit(waiting, "2", 401)
    assert admit(waiting, "3", 400)
    assert waiting.depth() == Depth(2, 1000, 0)


def test_sealed_capture_times_count_since_they_lie_in_redis_too(waiting: WaitingBursts) -> None:
    sealed = msgspec.structs.replace(task("1"), sealed=b"t" * 54)
    assert waiting.admit(sealed, b"x" * 100, 60, THREE, "a turn").verdict == "admitted"
    assert waiting.depth() == Depth(1, 154, 0)
    waiting.done("cam-a", "1")
    assert waiting.depth() == Depth(0, 0, 1)


def test_where_nothing_waits_a_burst_larger_than_the_bound_is_admitted(waiting: WaitingBursts) -> None:
    assert admit(waiting, "1", 5000)
    assert not admit(waiting, "2", 1)
    done(waiting, "1")
    assert admit(waiting, "2", 5000)


def test_a_burst_that_waits_is_admitted_again_even_at_the_bound_and_counts_once(waiting: WaitingBursts) -> None:
    for job in "123":
        admit(waiting, job)
    assert admit(waiting, "1") and admit(waiting, "3")
    assert waiting.depth() == Depth(3, 300, 0)


def test_jobs_of_two_devices_are_two(waiting: WaitingBursts) -> None:
    assert verdict(waiting, "1") == verdict(waiting, "1", device="cam-b") == "admitted"
    waiting.done("cam-b", "1")
    assert waiting.depth() == Depth(1, 100, 1)


def test_what_is_done_twice_or_never_waited_changes_nothing(waiting: WaitingBursts) -> None:
    admit(waiting, "1")
    for job in ("1", "1", "2"):
        done(waiting, job)
    assert waiting.depth() == Depth(0, 0, 1)


def test_what_nobody_takes_out_expires_and_does_not_count_as_drained(
    waiting: WaitingBursts, store: "redis.Redis"
) -> None:
    for job in "123":
        admit(waiting, job)
    store.zadd("blindsight:waiting", {f"cam-{job}/{job}": time.time() - 1 for job in "12"})  # as after a minute
    assert waiting.depth() == Depth(1, 100, 0)
    assert [admit(waiting, job) for job in "456"] == [True, True, False]


def test_no_bytes_of_a_burst_are_kept_that_waits_no_more(waiting: WaitingBursts, store: "redis.Redis") -> None:
    """Or a device whose bursts are refused, for a key set that isn't here, say, could fill Redis within the bounds."""

    def kept() -> set[str]:
        return {key.decode().rpartition(":")[2] for key in store.keys("blindsight:frame:*")}

    for job in "123":
        assert verdict(waiting, job, bounds=Bounds(9, 1000, 9, 1000)) == "admitted"
    waiting.done("cam-a", "1")
    assert kept() == {"2", "3"}
    store.zadd("blindsight:waiting", {"cam-a/2": time.time() - 1, "cam-a/3": time.time() - 1})
    assert verdict(waiting, "3") == "admitted"  # it comes again, and its bytes are new
    assert kept() == {"3"} and waiting.depth() == Depth(1, 100, 1)
    store.delete("blindsight:waiting")
    waiting.done("cam-a", "3")  # of which nothing else is known
    assert kept() == set()


def test_a_burst_that_comes_again_with_another_size_counts_with_that(
    waiting: WaitingBursts, store: "redis.Redis"
) -> None:
    assert verdict(waiting, "1", size=1) == "admitted"
    assert verdict(waiting, "1", size=600) == "admitted"
    assert waiting.depth() == Depth(1, 600, 0)
    assert verdict(waiting, "2", size=1, device="cam-b") == "admitted"
    assert verdict(waiting, "2", size=500, device="cam-b") == "full"
    assert waiting.depth() == Depth(1, 600, 0)
    assert not store.exists(redis_keys.blob_key("cam-b", "2"))


def test_a_device_has_at_most_as_much_waiting_as_there_is_room_left(waiting: WaitingBursts) -> None:
    bounds = Bounds(30, 10**6, 30, 10**6)
    flood = [verdict(waiting, str(job), device="cam-a", bounds=bounds) for job in range(60)]
    assert flood == ["admitted"] * 15 + ["share"] * 45
    assert [verdict(waiting, "1", device=f"cam-{each}", bounds=bounds) for each in "bcdef"] == ["admitted"] * 5
    second = [verdict(waiting, str(job), device="cam-g", bounds=bounds) for job in range(30)]
    assert second.count("admitted") == 5  # of the ten places that were left
    waiting.done("cam-a", "0")
    assert verdict(waiting, "60", device="cam-a", bounds=bounds) == "share"  # it still has more than there is room
    assert verdict(waiting, "1", device="cam-h", bounds=bounds) == "admitted"


def test_its_share_holds_in_bytes_too(waiting: WaitingBursts) -> None:
    bounds = Bounds(100, 1000, 100, 1000)
    flood = [verdict(waiting, str(job), 100, "cam-a", bounds) for job in range(10)]
    assert flood == ["admitted"] * 5 + ["share"] * 5
    assert verdict(waiting, "1", 500, "cam-b", bounds) == "admitted"
    assert verdict(waiting, "1", 1, "cam-c", bounds) == "full"


def test_a_minute_has_so_many_frames_and_what_is_refused_costs_none_of_them(
    waiting: WaitingBursts, store: "redis.Redis"
) -> None:
    bounds = Bounds(3, 10**6, 3, 10**6, frames_per_minute=10)
    assert [verdict(waiting, job, frames=4, bounds=bounds) for job in "123"] == ["admitted", "admitted", "share"]
    waiting.done("cam-a", "1")
    waiting.done("cam-a", "2")
    assert verdict(waiting, "3", frames=16, bounds=bounds) == "admitted"  # there is room for one
    answer = waiting.admit(task("4"), b"", 60, bounds, "a turn")
    assert answer.verdict == "quota" and 0 < answer.rest <= WINDOW_SECONDS
    assert int(store.get(limit_key("cam-a"))) == 24
    assert verdict(waiting, "3", frames=16, bounds=bounds) == "admitted"  # it waits already
    assert verdict(waiting, "1", device="cam-b", bounds=bounds) == "admitted"


def test_places_are_kept_for_a_device_that_comes_when_it_was_told(waiting: WaitingBursts, store: "redis.Redis") -> None:
    bounds = Bounds(4, 1000, early_bursts=3, early_bytes=750)
    assert [admit(waiting, job, bounds=bounds) for job in "1234"] == [True, True, True, False]
    waiting.promise("cam-4", time.time() + 50, 60)
    assert not admit(waiting, "4", bounds=bounds)  # it comes too early
    waiting.promise("cam-4", time.time() - 1, 60)
    assert admit(waiting, "4", bounds=bounds)
    assert not store.exists(promise_key("cam-4"))


def test_what_is_refused_leaves_nothing_behind(waiting: WaitingBursts, store: "redis.Redis") -> None:
    for job in "123":
        admit(waiting, job)
    before = set(store.keys())
    assert not admit(waiting, "4")
    assert set(store.keys()) == before


def test_no_step_looks_at_all_that_waits(waiting: WaitingBursts, store: "redis.Redis") -> None:
    """The commands that Redis runs for one are as many at 20,000 bursts as at 20, and none is one of all entries."""

    def commands(job: str) -> dict[str, int]:
        store.config_resetstat()
        admit(waiting, job, bounds=Bounds(10**6, 10**9, 10**6, 10**9))
        done(waiting, job)
        waiting.depth()
        return {name: calls["calls"] for name, calls in store.info("commandstats").items() if "config" not in name}

    def fill(numbers: range) -> None:
        soon = time.time() + 60
        store.zadd("blindsight:waiting", {f"cam-{number}/1": soon + number for number in numbers})
        store.hset("blindsight:waiting:sizes", mapping={f"cam-{number}/1": 100 for number in numbers})

    fill(range(20))
    few = commands("one")
    fill(range(20_000))
    assert commands("another") == few
    assert max(few.values()) < 20 and not few.keys() & {"cmdstat_hgetall", "cmdstat_hvals", "cmdstat_zrange"}


def test_a_redis_that_forgot_everything_counts_from_zero(waiting: WaitingBursts, store: "redis.Redis") -> None:
    for job in "123":
        admit(waiting, job)
    store.flushall()
    done(waiting, "1")
    assert waiting.depth() == Depth(0, 0, 0)
    store.script_flush()
    assert admit(waiting, "2")
    assert waiting.depth() == Depth(1, 100, 0)


def test_bridges_that_admit_at_once_keep_to_one_bound(store: "redis.Redis") -> None:
    admitted: list[bool] = []

    def bridge(number: int) -> None:
        waiting = WaitingBursts(store)
        admitted.extend(admit(waiting, f"{number}-{each}") for each in range(50))

    threads = [threading.Thread(target=bridge, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(admitted) == 3


def test_bursts_are_taken_out_of_a_redis_whose_memory_is_full(waiting: WaitingBursts, store: "redis.Redis") -> None:
    for job in "12":
        admit(waiting, job)
    store.config_set("maxmemory", 1)
    try:
        with pytest.raises(redis.RedisError):
            admit(waiting, "3")
        done(waiting, "1")
        assert waiting.depth() == Depth(1, 100, 1)
    finally:
        store.config_set("maxmemory", 0)


def test_the_bursts_of_each_device_are_told(waiting: WaitingBursts, store: "redis.Redis") -> None:
    assert shares(store, 10) == {}
    for job in "12":
        verdict(waiting, job, device="cam-a")
    verdict(waiting, "3", device="cam-b", bounds=Bounds(9, 9000, 9, 9000))
    assert shares(store, 10) == {"cam-a": 2, "cam-b": 1}
    assert len(shares(store, 1)) == 1


def test_junk_in_place_of_the_counts_is_nobody_s_burst(store: "redis.Redis") -> None:
    store.hset("blindsight:waiting:shares", mapping={"cam-a/bursts": "many", "cam-b/bursts": "9" * 30, "x": "1"})
    assert shares(store, 10) == {}
    store.delete("blindsight:waiting:shares")
    store.set("blindsight:waiting:shares", "no hash")
    assert shares(store, 10) == {}
