"""Events go on at least once and in order, to a target that may fail, hang or die; others don't wait for it."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import structlog
from prometheus_client import CollectorRegistry

from common.errors import BlindsightError
from common.publishing import forwarder
from common.publishing.forwarder import Forwarder
from common.publishing.metrics import ForwardMetrics
from common.publishing.outgoing import Target
from common.publishing.ways.way import Way
from tests.integration.fleet import wait_for
from tests.unit.common.publishing.queues import Queue, opened


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    with opened(tmp_path / "queue.sqlite", "topic", "command") as queue:
        yield queue


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> ForwardMetrics:
    return ForwardMetrics(registry)


class Taken(Way):
    """A way that keeps what it gets, once `allowed` says so."""

    target: Target = "command"
    batch = 100
    longest_pause = 0.04

    def __init__(self, allowed: Callable[[], bool] = lambda: True) -> None:
        self._allowed = allowed
        self.attempts = 0
        self.batches: list[list[int]] = []

    def send(self, bodies: Sequence[bytes]) -> None:
        self.attempts += 1
        if not self._allowed():
            raise BlindsightError("no database")
        self.batches.append([json.loads(body)["counter"] for body in bodies])


class Hanging(Way):
    """A way whose first attempt lasts until it is cancelled."""

    target: Target = "command"

    def __init__(self) -> None:
        self.begun, self.cancelled = threading.Event(), threading.Event()

    def send(self, bodies: Sequence[bytes]) -> None:
        self.begun.set()
        assert self.cancelled.wait(30)
        raise BlindsightError("cancelled")

    def cancel(self) -> None:
        self.cancelled.set()


def all_forwarded(queue: Queue, way: Way, metrics: ForwardMetrics) -> None:
    """Forward until nothing waits for a way."""
    running = Forwarder(queue.outgoing, way, metrics)
    wait_for("the end of forwarding", lambda: queue.outgoing.waiting(way.target) == 0)
    running.close(10)


def test_what_is_added_is_forwarded_at_once_and_to_each_target_on_its_own(
    queue: Queue, metrics: ForwardMetrics
) -> None:
    way = Taken()
    running = Forwarder(queue.outgoing, way, metrics)
    for job in ("00000003-0123456789abcdef", "00000005-0123456789abcdef"):
        queue.add_labels(2, job)  # while it waits for labels
        running.wake()
        wait_for("the end of forwarding", lambda: running.settled)
    running.close(10)
    assert [counter for batch in way.batches for counter in batch] == [3, 4, 3, 4]
    assert queue.counters("topic") == [3, 4, 3, 4]


def test_thousands_that_wait_are_forwarded_in_order_a_hundred_at_once(queue: Queue, metrics: ForwardMetrics) -> None:
    queue.add_labels(2500)
    way = Taken()
    all_forwarded(queue, way, metrics)
    assert [counter for batch in way.batches for counter in batch] == list(range(3, 2503))
    assert max(map(len, way.batches)) == 100


def test_what_fails_is_tried_again_after_growing_pauses_and_loses_nothing(
    queue: Queue, registry: CollectorRegistry, metrics: ForwardMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarder, "_FIRST_PAUSE", 0.01)
    way = Taken(lambda: way.attempts > 5)
    queue.add_labels(3)
    with structlog.testing.capture_logs() as logs:
        all_forwarded(queue, way, metrics)
    assert [each["again_in_s"] for each in logs] == [0.01, 0.02, 0.04, 0.04, 0.04]
    assert {(each["log_level"], each["reason"]) for each in logs} == {("warning", "no database")}
    assert (way.attempts, way.batches) == (6, [[3, 4, 5]])
    counts = {"blindsight_forward_failures_total": 5.0, "blindsight_forwarded_total": 3.0}
    assert {name: registry.get_sample_value(name, {"to": "command"}) for name in counts} == counts


def test_a_target_that_always_fails_is_a_problem_of_health_and_does_not_spin(
    queue: Queue, registry: CollectorRegistry, metrics: ForwardMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarder, "_STILL_SECONDS", 0.0)
    queue.add_labels(2)
    way = Taken(lambda: False)
    running = Forwarder(queue.outgoing, way, metrics)
    wait_for("a failure", lambda: way.attempts)
    wait_for("the failure's end", lambda: running.settled)  # nobody has to wait for it
    for _ in range(100):
        running.wake()  # new labels don't shorten the pause
    queue.add_labels(1)  # nor does anything keep them out of the file
    assert registry.get_sample_value("blindsight_forward_waiting", {"to": "command"}) == 3
    assert "nothing could be forwarded to the command for" in str(running.problem())
    running.close(10)
    assert way.attempts <= 2
    assert queue.counters("command") == [3, 4, 3]


def test_a_target_that_hangs_is_a_problem_of_health_too(
    queue: Queue, metrics: ForwardMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarder, "_STILL_SECONDS", 0.0)
    queue.add_labels(3)
    way = Hanging()
    running = Forwarder(queue.outgoing, way, metrics)
    assert way.begun.wait(30)
    assert "forwarded to the command" in str(running.problem())
    assert queue.counters("command") == [3, 4, 5]  # the file is free meanwhile
    running.close(0)
    assert way.cancelled.is_set()
    wait_for("the end of the thread", lambda: not running._thread.is_alive())
    after = Taken()
    all_forwarded(queue, after, metrics)
    assert after.batches == [[3, 4, 5]]


def test_a_way_with_a_fault_of_ours_is_tried_again_and_logged_with_its_traceback(
    queue: Queue, metrics: ForwardMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarder, "_FIRST_PAUSE", 0.01)
    way = Taken(lambda: way.attempts > 1 or 1 / 0 > 0)
    queue.add_labels(1)
    with structlog.testing.capture_logs() as logs:
        all_forwarded(queue, way, metrics)
    assert [(each["reason"], each["exc_info"]) for each in logs] == [("ZeroDivisionError", True)]
    assert way.batches == [[3]]


def test_a_way_that_cannot_be_kept_up_is_a_problem_though_nothing_waits(
    queue: Queue, metrics: ForwardMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarder, "_STILL_SECONDS", 0.0)

    class Away(Taken):
        def keep_up(self) -> None:
            raise BlindsightError("no broker")

    running = Forwarder(queue.outgoing, Away(), metrics)
    wait_for("the problem", running.problem)
    running.close(10)
