"""Which plans are served: in a real Redis, asked seldom for those that are, and each time for others."""

import pytest
import redis

from broker.served import ServedPlans
from common.registry import ANNOUNCE_SECONDS, Registry, WorkerEntry

OLD, NEW = "ab" * 32, "cd" * 32


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def registry(store: "redis.Redis") -> Registry:
    return Registry(store)


def entry(*plans: str) -> WorkerEntry:
    return WorkerEntry("host-1", dict.fromkeys(plans, "digits"), concurrency=1, started_at=1.0)


def test_without_any_worker_a_frame_may_wait_for_its_own(registry: Registry) -> None:
    assert ServedPlans(registry).instead_of(NEW) == []


def test_a_plan_that_nobody_serves_is_told_which_ones_are(registry: Registry) -> None:
    registry.announce(entry(OLD))
    served = ServedPlans(registry)
    assert served.instead_of(OLD) == []
    assert served.instead_of(NEW) == [f"digits {OLD[:12]}"]


def test_a_worker_that_has_come_serves_at_once(registry: Registry) -> None:
    registry.announce(entry(OLD))
    served = ServedPlans(registry)
    assert served.instead_of(NEW)
    registry.announce(entry(OLD, NEW))
    assert served.instead_of(NEW) == []


def test_one_that_is_gone_serves_no_more_when_it_should_have_announced_itself(registry: Registry) -> None:
    registry.announce(entry(OLD))
    clock = Clock()
    served = ServedPlans(registry, clock)
    assert served.instead_of(OLD) == []
    registry.announce(entry(NEW))
    assert served.instead_of(OLD) == []  # not asked again so soon
    clock.now += ANNOUNCE_SECONDS
    assert served.instead_of(OLD) == [f"digits {NEW[:12]}"]
