"""Exported labels are those of the record, in any format, while a console writes it; none has its lead."""

import csv
import dataclasses
import io
import json
import sqlite3
import stat
import subprocess
import sys
import tracemalloc
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from pyarrow import parquet
from typer.testing import CliRunner, Result

from blindsight.cli import app
from common.errors import BlindsightError, ConfigurationError, RecordError
from common.exports import exported
from common.readings.reader import Taken
from common.readings.reading import Reading
from common.wire.messages import Receipt
from console.record.export import Row, read_rows
from console.record.record import FrameLabel, Record

NAMES = ("seven", "=1+1", '-2"', "+3,5", "@x", "two\nlines", "Öl; €", "\tx")


def add(record: Record, number: int, names: tuple[str, ...], captured_at: float | None) -> None:
    job = f"{number:08d}-0123456789abcdef"
    at = float(number)
    made = [FrameLabel("cam-a", job, number + n, name, 1.0, at, 0.5, captured_at) for n, name in enumerate(names)]
    record.add("cam-a", "p" * 64, Receipt(1, job, len(names), 1.0, 2.0, 3.0, 4.0, at), made)


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    made = Record(tmp_path / "labels.sqlite")
    for number in range(100, 400):
        add(made, number, NAMES, None if number % 2 else number - 0.5)
    yield made
    made.close()


def export(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["console", "export", "--state", str(folder), *arguments])


def rows(folder: Path, since: float = 0.0, until: float | None = None) -> list[Row]:
    return list(read_rows(folder / "labels.sqlite", since, until))


def test_every_format_has_the_same_labels_and_no_lead(record: Record, tmp_path: Path) -> None:
    expected = [dataclasses.asdict(row) for row in rows(tmp_path)]
    assert [(row["job"], row["counter"], row["label"], row["captured_at"]) for row in expected] == [
        (label.job, label.counter, label.label, label.captured_at) for label in record.labels()
    ]
    for form in ("jsonl", "parquet", "csv"):
        out = tmp_path / f"labels.{form}"
        done = export(tmp_path, "--since", "1970-01-01T00:00Z", "--format", form, "--out", str(out))
        assert (done.exit_code, done.stdout) == (0, ""), done.output
        assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert [json.loads(line) for line in (tmp_path / "labels.jsonl").read_text().splitlines()] == expected
    assert parquet.read_table(tmp_path / "labels.parquet").to_pylist() == expected
    with (tmp_path / "labels.csv").open(newline="") as file:
        head, *lines = csv.reader(file)
    assert head == [*expected[0]] and "lead" not in head
    for line, row in zip(lines, expected, strict=True):
        told = dict(zip(head, line, strict=True))
        # A spreadsheet would take these for formulas, in quotes too.
        label = f"'{row['label']}" if row["label"][0] in "=+-@\t" else row["label"]
        assert told == {**{name: "" if value is None else str(value) for name, value in row.items()}, "label": label}


def test_readings_are_exported_in_place_of_labels(record: Record, tmp_path: Path) -> None:
    readings = [
        Reading(
            "cam-a", "water", f"0000900{n}-x", None, "good" if n else "uncertain", f"1.{n}" if n else None, "m³", 0.9
        )
        for n in range(3)
    ]
    for reading in readings:
        receipt = Receipt(1, reading.job, 0, 1.0, 1.0, 1.0, 1.0, 500.0)
        record.add("cam-a", "plan", receipt, [], taken=Taken("cam-a", [reading], {}))
    for form in ("jsonl", "parquet", "csv"):
        out = tmp_path / f"readings.{form}"
        done = export(tmp_path, "--readings", "--since", "1970-01-01T00:00Z", "--format", form, "--out", str(out))
        assert done.exit_code == 0, done.output
        assert "3 readings written" in done.stderr
    expected = [{**msgspec.structs.asdict(reading), "recorded_at": 500.0} for reading in readings]
    assert [json.loads(line) for line in (tmp_path / "readings.jsonl").read_text().splitlines()] == expected
    assert parquet.read_table(tmp_path / "readings.parquet").to_pylist() == expected
    assert (
        (tmp_path / "readings.csv")
        .read_text()
        .splitlines()[2]
        .startswith('"cam-a","water","00009001-x","","good","1.1"')
    )


def test_since_is_included_and_until_is_not(record: Record, tmp_path: Path) -> None:
    assert {row.recorded_at for row in rows(tmp_path, 150.0, 153.0)} == {150.0, 151.0, 152.0}
    assert rows(tmp_path, 400.0) == []


@pytest.mark.parametrize(
    ("since", "number"),
    [
        ("1970-01-01T00:06:39+00:00", 8),
        ("1970-01-01T01:06:39+01:00", 8),
        ("2026-01-01", 0),
        ("7d", 0),
        ("99999w", 2400),
    ],
)
def test_since_is_a_date_a_time_or_an_age(record: Record, tmp_path: Path, since: str, number: int) -> None:
    done = export(tmp_path, "--since", since, "--format", "jsonl")
    assert (done.exit_code, len(done.stdout.splitlines())) == (0, number), done.output
    assert f"{number:,} labels written" in done.stderr


def test_a_date_is_one_of_local_time(record: Record, tmp_path: Path) -> None:
    until = datetime.fromtimestamp(200).isoformat()
    done = export(tmp_path, "--since", "99999w", "--until", until)
    assert len(list(csv.reader(io.StringIO(done.stdout)))) == 1 + 100 * len(NAMES)


@pytest.mark.parametrize("wrong", ["yesterday", "", "7 d", "0d", "2026-13-01", "99999-01-01"])
def test_what_is_no_time_is_refused(record: Record, tmp_path: Path, wrong: str) -> None:
    failed = export(tmp_path, "--since", wrong).exception
    assert isinstance(failed, ConfigurationError) and "since is" in str(failed)


def test_nothing_is_written_of_a_record_that_cannot_be_read(tmp_path: Path) -> None:
    done = export(tmp_path / "nowhere", "--since", "7d")
    assert isinstance(done.exception, RecordError) and done.stdout == ""


def test_a_dash_is_standard_output(record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = export(tmp_path, "--since", "99999w", "--format", "jsonl", "--out", "-")
    assert len(done.stdout.splitlines()) == 300 * len(NAMES) and not Path("-").exists()


def test_a_format_that_there_is_not_is_refused(tmp_path: Path) -> None:
    failed = export(tmp_path, "--since", "7d", "--format", "xlsx").exception
    assert isinstance(failed, ConfigurationError) and "give one of csv, jsonl, parquet" in str(failed)


def test_without_pyarrow_it_says_what_to_install(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigurationError, match=r"-m pip install pyarrow$"):
        exported([], Row, "parquet")
    done = export(tmp_path, "--since", "7d", "--format", "parquet", "--out", str(tmp_path / "out"))
    assert done.exit_code == 1 and not (tmp_path / "out").exists() and not (tmp_path / "out.partial").exists()


def test_a_console_may_write_all_the_while(record: Record, tmp_path: Path) -> None:
    add(record, 400, NAMES[:1], None)
    left = read_rows(tmp_path / "labels.sqlite", 0.0, None)
    next(left)
    add(record, 401, NAMES[:1], None)  # nothing waits for the export,
    while record.forget(300.0):
        pass  # not even deleting
    found = [row.recorded_at for row in left]
    assert found[-2:] == [400.0, 401.0]
    db = sqlite3.connect(tmp_path / "labels.sqlite", isolation_level=None)
    db.execute("BEGIN IMMEDIATE")  # a console in the middle of a label
    assert len(rows(tmp_path, 401.0)) == 1
    db.close()


@pytest.mark.slow
def test_it_takes_no_more_memory_for_more_labels(tmp_path: Path) -> None:
    record = Record(tmp_path / "labels.sqlite")
    peaks = []
    for first, last in ((0, 200), (200, 1000)):
        for number in range(first, last):
            add(record, number, NAMES * 8, None)
        tracemalloc.start()
        deque(exported(read_rows(tmp_path / "labels.sqlite", 0.0, None), Row, "csv"), maxlen=0)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    record.close()
    assert peaks[1] < 1.5 * peaks[0]


def test_a_reader_that_leaves_is_one_sentence(record: Record, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "blindsight", "console", "export", "--state", str(tmp_path), "--since", "99999w"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        said = process.stderr.read().decode()
    assert process.returncode == 1
    assert "standard output can't be written" in said and "Traceback" not in said


def test_a_file_that_cannot_be_written_is_named(record: Record, tmp_path: Path) -> None:
    failed = export(tmp_path, "--since", "7d", "--out", str(tmp_path / "nowhere" / "labels")).exception
    assert isinstance(failed, BlindsightError) and "nowhere/labels can't be written: No such file" in str(failed)


def test_what_is_no_record_of_this_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.sqlite"
    with pytest.raises(RecordError, match="there is no record"):
        rows(tmp_path)
    change(path, "CREATE TABLE shopping (what TEXT)")
    with pytest.raises(RecordError, match="another program's database"):
        rows(tmp_path)
    path.unlink()
    Record(path).close()
    for version in (4, 6):
        change(path, f"PRAGMA user_version = {version}")
        with pytest.raises(RecordError, match=f"has schema {version}, and this reads 5"):
            rows(tmp_path)
    path.write_text("my shopping list\n" * 100)
    with pytest.raises(RecordError, match="is damaged or not a database"):
        rows(tmp_path)


def change(path: Path, statement: str) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(statement)
    db.close()
