"""The record is private, survives a kill, and is never taken for another file."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from common.errors import RecordError
from common.publishing.events import decode_event
from common.wire.messages import Receipt
from console.record.record import Check, FrameLabel, Record

JOB = "00000003-0123456789abcdef"
PLAN = "p" * 64


def receipt(frames: int = 2, job: str = JOB) -> Receipt:
    return Receipt(1, job, frames, 1.0, 2.0, 3.0, 4.0, 5.0)


def labels(frames: int = 2, device: str = "cam-a", job: str = JOB) -> list[FrameLabel]:
    return [FrameLabel(device, job, 3 + number, "seven", 1.0, 5.0, 0.5, 0.75) for number in range(frames)]


def fill(record: Record, bursts: int, frames: int = 2, first: int = 0) -> None:
    """Bursts recorded a second apart, from second `first` on."""
    for number in range(first, first + bursts):
        job = f"{number:08d}-0123456789abcdef"
        made = msgspec.structs.replace(receipt(frames, job), recorded_at=float(number))
        record.add("cam-a", PLAN, made, labels(frames, job=job), [Check("cam-a", job, 99, "one", "two", "w")])


def seconds(record: Record) -> list[int]:
    """When what is left was recorded."""
    return sorted({int(label.recorded_at) for label in record.labels()})


def test_what_was_added_comes_back(tmp_path: Path) -> None:
    record = Record(tmp_path / "labels.sqlite")
    record.add("cam-a", PLAN, receipt(), labels())
    record.close()
    again = Record(tmp_path / "labels.sqlite")
    assert again.receipt("cam-a", JOB) == receipt()
    assert again.receipt("cam-b", JOB) is None
    assert again.labels() == labels()
    assert again.counts() == {"cam-a": 2}
    again.close()


def test_a_burst_is_recorded_whole_or_not_at_all_and_never_twice(tmp_path: Path) -> None:
    record = Record(tmp_path / "labels.sqlite")
    with pytest.raises(RecordError):  # the second frame has the first's counter
        record.add("cam-a", PLAN, receipt(), labels(1) * 2)
    assert record.receipt("cam-a", JOB) is None
    record.add("cam-a", PLAN, receipt(), labels())
    with pytest.raises(RecordError):
        record.add("cam-a", PLAN, receipt(), labels())
    assert record.labels() == labels()
    record.close()


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    record = Record(tmp_path / "labels.sqlite")
    record.add("cam-a", PLAN, receipt(), labels())
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    record.close()


def test_a_kill_loses_nothing_that_was_recorded(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from console.record.record import Record; from tests.unit.console.record.test_record import labels, receipt\n"
        "record = Record(Path(sys.argv[1]))\n"
        "for number in range(10**6):\n"
        "    job = f'{number:08d}-0123456789abcdef'\n"
        "    record.add('cam-a', 'p', receipt(job=job), labels(job=job))\n"
        "    print(number, flush=True)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "labels.sqlite")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[4]) as process:
        assert process.stdout is not None
        for _ in range(50):
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        said = 50 + len(process.stdout.read().splitlines())
    record = Record(tmp_path / "labels.sqlite")
    assert len(record.labels()) // 2 in (said, said + 1)
    assert len(record.labels()) % 2 == 0
    record.close()


def test_an_outbox_is_no_record(tmp_path: Path) -> None:
    from edge.outbox.outbox import Outbox

    Outbox(tmp_path / "outbox.sqlite", 1000).close()
    with pytest.raises(RecordError, match="another program's database"):
        Record(tmp_path / "outbox.sqlite")


def test_a_damaged_record_is_refused_naming_what_is_lost(tmp_path: Path) -> None:
    (tmp_path / "labels.sqlite").write_text("my shopping list\n" * 100)
    with pytest.raises(RecordError, match=r"record .* is damaged .*without the labels in it"):
        Record(tmp_path / "labels.sqlite")


#: The tables of schema 1, as the version that wrote them made them.
SCHEMA_1 = """
PRAGMA journal_mode = WAL;
CREATE TABLE bursts (device TEXT NOT NULL, job TEXT NOT NULL, plan TEXT NOT NULL, frames INTEGER NOT NULL,
    received_at REAL NOT NULL, started_at REAL NOT NULL, finished_at REAL NOT NULL, arrived_at REAL NOT NULL,
    recorded_at REAL NOT NULL, PRIMARY KEY (device, job));
CREATE TABLE labels (device TEXT NOT NULL, job TEXT NOT NULL, counter INTEGER NOT NULL, label TEXT NOT NULL,
    lead REAL, PRIMARY KEY (device, job, counter), FOREIGN KEY (device, job) REFERENCES bursts);
CREATE TABLE checks (device TEXT NOT NULL, job TEXT NOT NULL, counter INTEGER NOT NULL, expected TEXT NOT NULL,
    got TEXT NOT NULL, worker TEXT NOT NULL, PRIMARY KEY (device, job, counter),
    FOREIGN KEY (device, job) REFERENCES bursts);
PRAGMA application_id = 1114402371;
PRAGMA user_version = 1;
INSERT INTO bursts VALUES ('cam-a', '00000003-0123456789abcdef', 'p', 1, 1.0, 2.0, 3.0, 4.0, 5.0);
INSERT INTO labels VALUES ('cam-a', '00000003-0123456789abcdef', 3, 'seven', 0.5);
INSERT INTO checks VALUES ('cam-a', '00000003-0123456789abcdef', 4, 'one', 'two', 'w');
"""


def test_a_record_of_schema_1_is_converted_and_its_labels_count_as_forwarded(tmp_path: Path) -> None:
    earlier = sqlite3.connect(tmp_path / "labels.sqlite")
    earlier.executescript(SCHEMA_1)
    earlier.close()
    record = Record(tmp_path / "labels.sqlite", ["topic", "command"])
    assert record.labels() == [FrameLabel("cam-a", JOB, 3, "seven", 1.0, 5.0, 0.5)]
    assert record.checks() == [Check("cam-a", JOB, 4, "one", "two", "w")]
    assert (record.outgoing.waiting("topic"), record.outgoing.waiting("command")) == (0, 0)
    fill(record, 1, first=9)
    assert (record.outgoing.waiting("topic"), record.outgoing.waiting("command")) == (2, 2)
    record.close()
    ways = {}
    for name, path in (("upgraded", tmp_path / "labels.sqlite"), ("new", tmp_path / "new.sqlite")):
        Record(path).close()
        with sqlite3.connect(path) as db:
            names = "SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
            columns = [db.execute(f"PRAGMA table_info({table})").fetchall() for table in ("bursts", "labels", "checks")]
            ways[name] = db.execute(names).fetchall(), columns
    assert ways["upgraded"] == ways["new"]


#: What made schema 2 of schema 1, and two labels of which one is still to be forwarded to a program.
SCHEMA_2 = f"""{SCHEMA_1}
ALTER TABLE labels ADD COLUMN captured_at REAL;
CREATE TABLE unforwarded (number INTEGER PRIMARY KEY AUTOINCREMENT,
    target TEXT NOT NULL CHECK (target IN ('topic', 'command')), device TEXT NOT NULL, job TEXT NOT NULL,
    counter INTEGER NOT NULL, FOREIGN KEY (device, job, counter) REFERENCES labels);
CREATE INDEX bursts_by_time ON bursts (recorded_at);
CREATE INDEX unforwarded_by_target ON unforwarded (target, number);
CREATE INDEX unforwarded_by_burst ON unforwarded (device, job);
PRAGMA user_version = 2;
INSERT INTO labels VALUES ('cam-a', '00000003-0123456789abcdef', 5, 'eight', 0.5, 0.25);
INSERT INTO unforwarded VALUES (7, 'command', 'cam-a', '00000003-0123456789abcdef', 5);
INSERT INTO unforwarded VALUES (9, 'command', 'cam-a', '00000003-0123456789abcdef', 3);
"""


def test_a_record_of_schema_2_is_converted_with_what_is_still_to_be_forwarded_in_its_order(tmp_path: Path) -> None:
    earlier = sqlite3.connect(tmp_path / "labels.sqlite")
    earlier.executescript(SCHEMA_2)
    earlier.close()
    record = Record(tmp_path / "labels.sqlite", ["command"])
    eight = FrameLabel("cam-a", JOB, 5, "eight", 1.0, 5.0, captured_at=0.25)
    seven = FrameLabel("cam-a", JOB, 3, "seven", 1.0, 5.0)
    waiting = record.outgoing.first("command", 10)
    assert [(number, decode_event(body)) for number, body in waiting] == [(7, eight), (9, seven)]
    fill(record, 1, first=9)
    assert [each.number for each in record.outgoing.first("command", 10)] == [7, 9, 10, 11]
    record.close()


def test_a_record_of_the_schema_before_keeps_its_labels(tmp_path: Path) -> None:
    record = Record(tmp_path / "labels.sqlite", ["command"])
    fill(record, 1)
    kept = record.labels()
    record.close()
    with sqlite3.connect(tmp_path / "labels.sqlite") as db:
        db.execute("DROP TABLE announced")
        db.execute("PRAGMA user_version = 4")
    db.close()
    record = Record(tmp_path / "labels.sqlite", ["command"])
    assert record.labels() == kept
    assert record.outgoing.announced.all() == []
    record.close()


def test_labels_are_to_be_forwarded_once_they_are_recorded(tmp_path: Path) -> None:
    record = Record(tmp_path / "labels.sqlite", ["topic", "command"])
    with pytest.raises(RecordError):  # the second frame has the first's counter
        record.add("cam-a", PLAN, receipt(), labels(1) * 2)
    assert record.outgoing.waiting("topic") == 0
    fill(record, 2)
    jobs = ["00000000-0123456789abcdef", "00000001-0123456789abcdef"]
    plain = [msgspec.structs.replace(label, lead=None) for job in jobs for label in labels(job=job)]
    for target in ("topic", "command"):
        assert [decode_event(each.body) for each in record.outgoing.first(target, 10)] == plain
    record.close()


def test_old_labels_are_deleted_a_few_at_a_time_and_checks_with_them(tmp_path: Path) -> None:
    record = Record(tmp_path / "labels.sqlite")
    fill(record, 30, frames=100)
    deleted = []
    while bursts := record.forget(25.0):
        deleted.append(bursts)
    assert deleted == [10, 10, 5]
    assert seconds(record) == [25, 26, 27, 28, 29]
    assert len(record.checks()) == 5 and record.receipt("cam-a", "00000024-0123456789abcdef") is None
    assert record.forget(25.0) == 0
    record.close()


def test_what_is_not_forwarded_yet_outlives_its_label(tmp_path: Path) -> None:
    record = Record(tmp_path / "labels.sqlite", ["topic", "command"])
    fill(record, 10)
    record.outgoing.sent(each.number for each in record.outgoing.first("topic", 20))
    while record.forget(100.0):
        pass
    assert seconds(record) == []
    assert (record.outgoing.waiting("topic"), record.outgoing.waiting("command")) == (0, 20)
    record.close()


def test_the_last_bursts_and_alarms_are_told_in_order_of_their_record(tmp_path: Path) -> None:
    record = Record(tmp_path / "labels.sqlite")
    fill(record, 5)
    assert [each.recorded_at for each in record.last_bursts(2)] == [3.0, 4.0]
    assert [(check.got, at) for check, at in record.last_alarms(2)] == [("two", 3.0), ("two", 4.0)]
    right = Check("cam-a", JOB, 99, "one", "one", "w")
    record.add("cam-b", PLAN, receipt(), labels(device="cam-b"), [msgspec.structs.replace(right, device="cam-b")])
    assert len(record.last_alarms(10)) == 5
    record.close()
