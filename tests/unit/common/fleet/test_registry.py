"""The workers that run, in a real Redis: those that stopped or were killed aren't among them."""

import msgspec
import pytest
import redis

from common.fleet.registry import TTL_SECONDS, Registry, WorkerEntry

FIRST = WorkerEntry("host-1", {"ab" * 32: "digits"}, concurrency=2, started_at=1.0)
SECOND = WorkerEntry("host-2", {"ab" * 32: "digits", "cd" * 32: "scenes"}, concurrency=1, started_at=2.0)


@pytest.fixture
def registry(store: "redis.Redis") -> Registry:
    return Registry(store)


def test_nobody_is_there_at_first(registry: Registry) -> None:
    assert registry.workers() == []


def test_workers_are_there_until_they_stop(registry: Registry) -> None:
    for entry in (SECOND, FIRST, SECOND):
        registry.announce(entry)
    assert registry.workers() == [FIRST, SECOND]
    registry.remove("host-1")
    assert registry.workers() == [SECOND]


def test_a_worker_that_was_killed_is_forgotten(registry: Registry, store: "redis.Redis") -> None:
    registry.announce(FIRST)
    registry.announce(SECOND)
    assert 0 < store.ttl("blindsight:worker:host-1") <= TTL_SECONDS
    store.delete("blindsight:worker:host-1")  # as its end of life does
    assert registry.workers() == [SECOND]
    assert store.smembers("blindsight:workers") == {b"host-2"}


def test_what_its_processes_answer_is_counted_together(registry: Registry, store: "redis.Redis") -> None:
    registry.announce(FIRST)
    registry.count("host-1", 3)
    registry.count("host-1", 4)
    assert registry.workers() == [msgspec.structs.replace(FIRST, answered=7)]
    assert 0 < store.ttl("blindsight:answered:host-1") <= TTL_SECONDS
