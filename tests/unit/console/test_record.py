"""The record is private, survives a kill, and is never taken for another file."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import RecordError
from common.messages import Receipt
from console.record import FrameLabel, Record

JOB = "00000003-0123456789abcdef"
PLAN = "p" * 64


def receipt(frames: int = 2, job: str = JOB) -> Receipt:
    return Receipt(1, job, frames, 1.0, 2.0, 3.0, 4.0, 5.0)


def labels(frames: int = 2, device: str = "cam-a", job: str = JOB) -> list[FrameLabel]:
    return [FrameLabel(device, job, 3 + number, "seven", 1.0, 5.0, 0.5) for number in range(frames)]


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
        "from console.record import Record; from tests.unit.console.test_record import labels, receipt\n"
        "record = Record(Path(sys.argv[1]))\n"
        "for number in range(10**6):\n"
        "    job = f'{number:08d}-0123456789abcdef'\n"
        "    record.add('cam-a', 'p', receipt(job=job), labels(job=job))\n"
        "    print(number, flush=True)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "labels.sqlite")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]) as process:
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
    from edge.outbox import Outbox

    Outbox(tmp_path / "outbox.sqlite", 1000).close()
    with pytest.raises(RecordError, match="another program's database"):
        Record(tmp_path / "outbox.sqlite")


def test_a_damaged_record_is_refused_naming_what_is_lost(tmp_path: Path) -> None:
    (tmp_path / "labels.sqlite").write_text("my shopping list\n" * 100)
    with pytest.raises(RecordError, match=r"record .* is damaged .*without the labels in it"):
        Record(tmp_path / "labels.sqlite")
