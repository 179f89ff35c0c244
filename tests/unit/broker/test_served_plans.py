"""Which plans are served: in a real Redis, asked seldom for those that are, and each time for others."""

import msgspec
import pytest
import redis

from broker.served_plans import ServedPlans
from common.errors import WireError
from common.fleet.registry import ANNOUNCE_SECONDS, Burst, Registry, WorkerEntry

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


def test_a_burst_has_the_bytes_of_its_plan_and_no_more_frames(registry: Registry) -> None:
    worker = msgspec.structs.replace(entry(OLD, NEW), bursts={OLD: Burst(bytes=1000, frames=4)})
    registry.announce(worker)
    served = ServedPlans(registry)
    assert served.instead_of(OLD) == []
    for frames in (1, 4):
        served.check_burst(OLD, 1000, frames)
    for size, frames in ((999, 4), (1001, 4), (60_000_000, 4), (0, 4), (1000, 5)):
        with pytest.raises(WireError, match=r"its plan's have 1,000 for at most 4"):
            served.check_burst(OLD, size, frames)
    served.check_burst(NEW, 60_000_000, 16_384)  # a worker of an earlier version, that doesn't say
    # Two that don't agree: one of them may be right.
    registry.announce(msgspec.structs.replace(worker, name="host-2", bursts={OLD: Burst(bytes=2000, frames=4)}))
    served = ServedPlans(registry)
    assert served.instead_of(OLD) == []
    served.check_burst(OLD, 1000, 4)
    served.check_burst(OLD, 2000, 4)


def test_a_burst_with_seeds_is_taken_where_a_worker_says_that_it_takes_some(registry: Registry) -> None:
    burst = Burst(bytes=1000, frames=4, seeded_bytes=580)
    registry.announce(msgspec.structs.replace(entry(OLD, NEW), bursts={OLD: burst, NEW: Burst(1000, 4)}))
    served = ServedPlans(registry)
    assert served.instead_of(OLD) == []
    served.check_burst(OLD, 1000, 4)
    served.check_burst(OLD, 580, 4)
    for plan, size in ((OLD, 581), (NEW, 580), (NEW, 0)):
        with pytest.raises(WireError, match=r"its plan's have 1,000"):
            served.check_burst(plan, size, 4)


def test_a_burst_may_have_the_smallest_form_that_a_worker_takes(registry: Registry) -> None:
    burst = Burst(bytes=1000, frames=4, seeded_bytes=580, least_bytes=330)
    registry.announce(msgspec.structs.replace(entry(OLD), bursts={OLD: burst}))
    served = ServedPlans(registry)
    assert served.instead_of(OLD) == []
    for size in (1000, 580, 330):
        served.check_burst(OLD, size, 4)
    for size in (329, 331, 0):
        with pytest.raises(WireError, match=r"its plan's have 1,000"):
            served.check_burst(OLD, size, 4)


def test_an_entry_without_bursts_is_written_and_read_as_versions_before_it_do(registry: Registry) -> None:
    assert b"bursts" not in msgspec.json.encode(entry(OLD))
    registry.announce(entry(OLD))
    assert registry.workers() == [entry(OLD)]
