"""Whatever somebody wrote to a key in Redis: a burst still joins, is taken and is done, and workers are known."""

import random
from collections.abc import Callable

import msgspec
import pytest
import redis

from common.fleet import junk, redis_keys
from common.fleet.junk import count_up, discard_wrong
from common.fleet.registry import Registry, WorkerEntry
from common.fleet.turns import Turns
from common.fleet.waiting import Bounds, WaitingBursts
from common.wire.messages import Task

PLAN, NOISE = "ab" * 32, random.Random(1).randbytes(100)
TASK = Task("cam-a", "1", "k", PLAN, redis_keys.blob_key("cam-a", "1"), 1.0)
ENTRY = WorkerEntry("host-1", {PLAN: "digits"}, 1, 1.0)
BOUNDS = Bounds(64, 10**6, 48, 750_000, frames_per_minute=100)

#: What a key may hold: something of every type, and numbers that aren't.
VALUES: dict[str, Callable[["redis.Redis", str], object]] = {
    "noise": lambda store, key: store.set(key, NOISE),
    "empty": lambda store, key: store.set(key, ""),
    "braces": lambda store, key: store.set(key, "{}"),
    "nan": lambda store, key: store.set(key, "nan"),
    "infinity": lambda store, key: store.set(key, "inf"),
    "negative": lambda store, key: store.set(key, "-1e300"),
    "huge": lambda store, key: store.set(key, "9" * 400),
    "list": lambda store, key: store.rpush(key, NOISE, "{}", ""),
    "set": lambda store, key: store.sadd(key, NOISE, "cam-a", ""),
    "hash": lambda store, key: store.hset(
        key, mapping={"bytes": "inf", "cam-a/bursts": "nan", "cam-a/bytes": "x", "cam-a/1": NOISE, NOISE: ""}
    ),
    "scores": lambda store, key: store.zadd(key, {"cam-a": 1e300, "cam-b": -5, "": 2, NOISE: 3}),
    "infinite scores": lambda store, key: store.zadd(key, {"1": float("inf"), "cam-a/2": float("-inf")}),
    "stream": lambda store, key: store.xadd(key, {"a": "b"}),
}
#: Every key that admission, turns and the registry read.
KEYS = [
    "blindsight:waiting",
    "blindsight:waiting:sizes",
    "blindsight:waiting:shares",
    "blindsight:waiting:drained",
    "blindsight:limit:cam-a",
    "blindsight:promise:cam-a",
    f"blindsight:ring:{PLAN}",
    f"blindsight:bursts:{PLAN}:cam-a",
    "blindsight:task:cam-a:1",
    "blindsight:taken:turn",
    redis_keys.blob_key("cam-a", "1"),
    redis_keys.queue_of(PLAN),
    "blindsight:workers",
    "blindsight:worker:host-1",
    "blindsight:answered:host-1",
]


@pytest.mark.parametrize("before", [True, False], ids=["before", "while it waits"])
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.slow
def test_whatever_one_key_holds_a_burst_gets_its_turn(store: "redis.Redis", key: str, before: bool) -> None:
    for name, write in VALUES.items():
        store.flushall()
        waiting, turns, registry = WaitingBursts(store), Turns(store, 100), Registry(store)
        if not before:
            waiting.admit(TASK, b"x" * 100, 60, BOUNDS, "a turn")
            registry.announce(ENTRY)
            store.delete(key)
        write(store, key)
        # As bridge and workers go on; a device sends again what nobody answered.
        found = None
        for turn in ("turn", "second", "third", "fourth"):
            assert registry.workers() in ([ENTRY], [])
            registry.announce(ENTRY)
            assert waiting.admit(TASK, b"x" * 100, 60, BOUNDS, "a turn").verdict == "admitted", name
            waiting.depth()
            found = found or turns.take(turn, PLAN, "another turn")
            turns.end(turn)
        assert found == TASK, name
        waiting.done("cam-a", "1")
        registry.count("host-1", 1)
        (worker,) = registry.workers()
        assert msgspec.structs.replace(worker, answered=0) == ENTRY
        waiting.depth()


def test_what_was_thrown_away_is_counted(store: "redis.Redis", monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[float] = []
    monkeypatch.setattr(junk, "_counters", [counted.append])
    store.rpush("blindsight:waiting", "x")
    store.rpush("blindsight:waiting:sizes", "x")
    WaitingBursts(store).depth()
    store.sadd("blindsight:workers", "host-1", b"\xff", "host-2")
    store.mset({"blindsight:worker:host-1": "{}", b"blindsight:worker:\xff": msgspec.json.encode(ENTRY)})
    assert Registry(store).workers() == []
    assert not store.exists("blindsight:workers")
    assert discard_wrong(store, {"blindsight:waiting": "zset", "blindsight:worker:host-1": "hash", "none": "list"})
    assert counted == [1, 1, 1, 1]


def test_a_count_begins_anew_where_none_is(store: "redis.Redis") -> None:
    for write in VALUES.values():
        store.delete("count")
        write(store, "count")
        assert count_up(store, "count", 2, 60) == 2
        assert count_up(store, "count", 3, 60) == 5
        assert 0 < store.ttl("count") <= 60
    with pytest.raises(redis.RedisError):
        store.config_set("maxmemory", 1)
        try:
            count_up(store, "count", 1, 60)
        finally:
            store.config_set("maxmemory", 0)
