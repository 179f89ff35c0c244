"""Events get into the history through the publisher: each once, though the process that writes is killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from common.history.history import History
from common.history.views import LabelFilter, ReadingFilter
from common.history.way import HistoryWay
from common.publishing.forwarder import Forwarder
from common.publishing.metrics import ForwardMetrics
from common.publishing.publisher import Publisher
from common.publishing.settings import PublishingSettings
from common.readings.meters import Meters
from tests.integration.fleet import wait_for
from tests.unit.common.history.events import folder_in_memory, history_of, label, reading
from tests.unit.common.publishing.queues import Queue, opened

#: A program that records bursts, each with two labels and a reading, and says so; events go on meanwhile.
_PROGRAM = """
import sys
from pathlib import Path
from tests.unit.common.history.events import label, reading
from tests.unit.common.history.test_way import feeding
with feeding(Path(sys.argv[1])) as (queue, forwarder):
    for number in range(0, 10**6, 2):
        made = [label(number + each, device=sys.argv[2]) for each in (0, 1)]
        queue.add(*made, reading(number, device=sys.argv[2]))
        forwarder.wake()
        print(number, flush=True)
"""


@contextmanager
def forwarding(queue: Queue, history: History) -> Iterator[Forwarder]:
    """What waits in a queue goes on to a history."""
    forwarder = Forwarder(queue.outgoing, HistoryWay(history), ForwardMetrics(CollectorRegistry()))
    try:
        yield forwarder
    finally:
        forwarder.close(5.0)


@contextmanager
def feeding(folder: Path) -> Iterator[tuple[Queue, Forwarder]]:
    """A queue in a folder, and a history beside it that it feeds."""
    with (
        opened(folder / "queue.sqlite", "history") as queue,
        closing(History(folder / "history.sqlite")) as history,
        forwarding(queue, history) as forwarder,
    ):
        yield queue, forwarder


def test_a_history_is_one_more_way_of_a_publisher(tmp_path: Path) -> None:
    with opened(tmp_path / "queue.sqlite") as queue, history_of() as history:
        metrics = ForwardMetrics(CollectorRegistry())
        publisher = Publisher(PublishingSettings(), queue.outgoing, "cam-a", metrics, Meters(), [HistoryWay(history)])
        publisher.start()
        queue.add(label(1, lead=0.5), reading(1))  # it isn't a target of the settings, and gets them all the same
        publisher.wake()
        wait_for("the history", lambda: publisher.settled)
        publisher.close()
        assert queue.outgoing.left_behind() == {}
        assert [view.counter for view in history.all_labels(LabelFilter())] == [1]
        assert [view.value for view in history.all_readings(ReadingFilter())] == ["1.5"]


def test_events_wait_while_the_history_cannot_be_written(tmp_path: Path) -> None:
    with opened(tmp_path / "queue.sqlite", "history") as queue, history_of() as history:
        queue.add(label(1))
        history._db._db.execute("PRAGMA query_only = ON")
        with forwarding(queue, history) as forwarder:
            wait_for("an attempt", lambda: forwarder._trying_since is not None)
            assert not forwarder.settled
            history._db._db.execute("PRAGMA query_only = OFF")
            wait_for("the next attempt", lambda: forwarder.settled)
        assert [view.counter for view in history.all_labels(LabelFilter())] == [1]


@pytest.mark.slow
def test_a_killed_process_leaves_nothing_out_and_nothing_twice() -> None:
    with folder_in_memory() as folder:
        said = {f"cam-{number}": killed(folder, f"cam-{number}", lines) for number, lines in enumerate((1, 20, 60))}
        with feeding(folder) as (queue, forwarder):
            wait_for("what was left", lambda: forwarder.settled)
            assert queue.outgoing.waiting("history") == 0
        with closing(History(folder / "history.sqlite")) as history:
            for device, bursts in said.items():
                counters = [view.counter for view in history.all_labels(LabelFilter(device, order="oldest"))]
                assert len(counters) in (2 * bursts, 2 * bursts + 2)  # a burst may be recorded, and not said
                assert counters == list(range(len(counters)))
                assert len(list(history.all_readings(ReadingFilter(device)))) == len(counters) // 2
                plot = history.label_plot(LabelFilter(device), 1)
                assert sum(sum(bucket.counts.values()) for bucket in plot.buckets) == len(counters)


def killed(folder: Path, device: str, lines: int) -> int:
    """Let the program record bursts of a device, kill it after so many or some more, and return how many it said."""
    command = [sys.executable, "-c", _PROGRAM, str(folder), device]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[4]) as process:
        assert process.stdout is not None
        for _ in range(lines):
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        return lines + len(process.stdout.read().splitlines())
