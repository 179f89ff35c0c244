"""Labels go on without their leads, at least once and in order, to a program or topic that may fail or hang."""

import json
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
import structlog

from common.errors import BlindsightError, ConfigurationError
from common.wire.messages import Receipt
from console import forwarding, metrics
from console.forwarding import CommandWay, Forwarder, Way, plain
from console.record.record import FrameLabel, Record, Target
from tests.integration.fleet import wait_for

JOB = "00000003-0123456789abcdef"
LABEL = FrameLabel("cam-a", JOB, 3, "seven; rm -rf $HOME", 1.0, 2.0, 0.5, 1.5)
PLAIN = {"kind": "label", **{k: v for k, v in msgspec.structs.asdict(LABEL).items() if k != "lead"}}


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    made = Record(tmp_path / "labels.sqlite", ["topic", "command"])
    yield made
    made.close()


def add(record: Record, frames: int, job: str = JOB) -> list[FrameLabel]:
    """A burst of labels that are to be forwarded."""
    labels = [msgspec.structs.replace(LABEL, job=job, counter=3 + number) for number in range(frames)]
    record.add("cam-a", "p", Receipt(1, job, frames, 1.0, 1.0, 1.0, 1.0, 2.0), labels)
    return labels


def counters(record: Record, target: Target = "command") -> list[int]:
    return [each.label.counter for each in record.unforwarded(target, 10_000)]


def program(folder: Path, body: str) -> str:
    """A command that runs Python on the label's JSON `text`."""
    path = folder / "program.py"
    path.write_text(f"import sys, time\ntext = sys.stdin.read()\n{body}\n")
    return f"{sys.executable} '{path}' '{folder / 'out'}'"


class Taken:
    """A way that keeps what it gets, once `allowed` says so."""

    target: Target = "command"
    batch = 100

    def __init__(self, allowed: Callable[[], bool] = lambda: True) -> None:
        self._allowed = allowed
        self.attempts = 0
        self.batches: list[Sequence[FrameLabel]] = []

    def send(self, labels: Sequence[FrameLabel]) -> None:
        self.attempts += 1
        if not self._allowed():
            raise BlindsightError("no database")
        self.batches.append(labels)

    def cancel(self) -> None:
        pass


def all_forwarded(record: Record, way: Way) -> None:
    """Forward until nothing waits for a way."""
    forwarder = Forwarder(record, way)
    wait_for("the end of forwarding", lambda: record.waiting(way.target) == 0)
    forwarder.close()


def test_a_program_gets_the_plain_label_on_its_standard_input(record: Record, tmp_path: Path) -> None:
    forwarder = Forwarder(record, CommandWay(program(tmp_path, "open(sys.argv[1], 'a').write(text)")))
    for label in add(record, 2):  # while it waits for labels
        forwarder.label(label)
    wait_for("the end of forwarding", lambda: record.waiting("command") == 0)
    forwarder.close()
    first, second = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert (first, second) == (PLAIN, {**PLAIN, "counter": 4})
    assert counters(record, "topic") == [3, 4]  # each target has its own


def test_a_program_learns_no_setting_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLINDSIGHT_PASSPHRASE", "correct horse")
    CommandWay(program(tmp_path, "import os; open(sys.argv[1], 'w').write(str(dict(os.environ)))")).send([LABEL])
    told = (tmp_path / "out").read_text()
    assert "PATH" in told and "correct horse" not in told


def test_thousands_that_wait_are_forwarded_in_order_a_hundred_at_once(record: Record) -> None:
    for number in range(50):
        add(record, 50, f"{number:08d}-0123456789abcdef")
    due, way = [each.label for each in record.unforwarded("command", 10_000)], Taken()
    all_forwarded(record, way)
    assert [label for batch in way.batches for label in batch] == due
    assert len(due) == 2500 and max(map(len, way.batches)) == 100


def test_what_fails_is_tried_again_after_growing_pauses_and_loses_nothing(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarding, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(forwarding, "_LAST_PAUSE", 0.04)
    way = Taken(lambda: way.attempts > 5)
    add(record, 3)
    failures = metrics.FORWARD_FAILURES.labels("command")
    before = failures._value.get()
    with structlog.testing.capture_logs() as logs:
        all_forwarded(record, way)
    assert [each["again_in_s"] for each in logs] == [0.01, 0.02, 0.04, 0.04, 0.04]
    assert {(each["log_level"], each["reason"]) for each in logs} == {("warning", "no database")}
    assert (way.attempts, failures._value.get() - before) == (6, 5)
    assert [label.counter for label in way.batches[0]] == [3, 4, 5]


def test_a_program_that_always_fails_is_a_problem_of_health_and_does_not_spin(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarding, "_STILL_SECONDS", 0.0)
    add(record, 2)
    body = "open(sys.argv[1], 'a').write(text)\nsys.exit('no database')"
    with structlog.testing.capture_logs() as logs:
        forwarder = Forwarder(record, CommandWay(program(tmp_path, body)))
        wait_for("the problem", forwarder.problem)
        for _ in range(100):
            forwarder.label(LABEL)  # new labels don't shorten the pause
        add(record, 1, "00000009-0123456789abcdef")  # nor does anything keep them out of the record
        forwarder.close()
    assert logs[0]["reason"] == "forward_command ended with 1: no database"
    assert {json.loads(line)["counter"] for line in (tmp_path / "out").read_text().splitlines()} == {3}
    assert len(logs) <= 3
    assert counters(record) == [3, 4, 3]
    assert "forwarded to the command" in str(forwarder.problem())


@pytest.mark.slow
def test_what_a_console_left_is_forwarded_by_the_next_one_in_order(record: Record, tmp_path: Path) -> None:
    add(record, 3)
    forwarder = Forwarder(record, CommandWay(program(tmp_path, "open(sys.argv[1], 'a').close(); time.sleep(600)")))
    wait_for("the program's start", (tmp_path / "out").exists)
    closing = threading.Thread(target=forwarder.close)
    closing.start()
    assert record.waiting("command") == 3  # the record is free while a program hangs
    closing.join(30)
    assert not closing.is_alive()
    wait_for("the end of the thread", lambda: not forwarder._thread.is_alive())  # its program was killed
    way = Taken()
    all_forwarded(record, way)
    assert [label.counter for label in way.batches[0]] == [3, 4, 5]


def test_a_program_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarding, "_RUN_SECONDS", 0.5)
    with pytest.raises(BlindsightError, match=r"timed out after 0.5"):
        CommandWay(program(tmp_path, "time.sleep(600)")).send([LABEL])


@pytest.mark.parametrize("command", ["/no/such/program", "'", " "])
def test_a_program_that_is_not_there_is_said_at_once(command: str) -> None:
    with pytest.raises(ConfigurationError, match="forward_command is"):
        CommandWay(command)


def test_no_lead_is_in_a_plain_label() -> None:
    assert json.loads(plain(LABEL)) == PLAIN
