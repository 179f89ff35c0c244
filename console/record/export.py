"""Labels or readings of the record as a file for other programs: CSV, JSON lines or Parquet, without scores or leads.

The record is read a few bursts at a time, so that neither its size nor a slow reader matters to memory, or to
a console that writes meanwhile.
"""

import csv
import io
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, Literal

import msgspec

from common.csv_cells import cell
from common.errors import ConfigurationError
from common.installed import install_command
from common.service.database import reading
from console.record.record_file import RECORD

Format = Literal["csv", "jsonl", "parquet"]

#: Bursts that are read at once.
_BURSTS = 100
#: Rows that are written at once.
_ROWS = 10_000


class Row(msgspec.Struct, frozen=True):
    """A frame's label. Times are seconds since the epoch; `captured_at`, if it is known, is by the device's clock."""

    device: str
    job: str
    counter: int
    label: str
    captured_at: float | None
    received_at: float
    recorded_at: float
    plan: str


class ReadingRow(msgspec.Struct, frozen=True):
    """A reading (`common.readings.reading.Reading`). Times are seconds since the epoch."""

    device: str
    name: str
    job: str
    captured_at: float | None
    state: str
    value: str | None
    unit: str
    probability: float
    why: str
    recorded_at: float


#: What can be exported.
AnyRow = Row | ReadingRow


def read_readings(path: Path, since: float, until: float | None) -> Iterator[ReadingRow]:
    """Readings recorded from one time (epoch, s) on and before another, in order of their record.

    Raises `RecordError` when the record can't be read.
    """
    last = -1
    with reading(path, RECORD) as db:
        query = (
            f"SELECT number, {', '.join(ReadingRow.__struct_fields__)} FROM readings "
            "WHERE number > ? AND recorded_at >= ? AND recorded_at < ? ORDER BY number LIMIT ?"
        )
        while rows := db.execute(query, (last, since, 1e300 if until is None else until, _ROWS)).fetchall():
            for last, *row in rows:  # noqa: B007
                yield ReadingRow(*row)


def read_rows(path: Path, since: float, until: float | None) -> Iterator[Row]:
    """Labels recorded from one time (epoch, s) on and before another, in order of their record.

    Raises `RecordError` when the record can't be read.
    """
    before = 1e300 if until is None else until
    with reading(path, RECORD) as db:
        recorded_at, rowid = since, -1
        while bursts := db.execute(
            "SELECT recorded_at, rowid, device, job, received_at, plan FROM bursts "
            "WHERE (recorded_at, rowid) > (?, ?) AND recorded_at < ? ORDER BY recorded_at, rowid LIMIT ?",
            (recorded_at, rowid, before, _BURSTS),
        ).fetchall():
            for recorded_at, rowid, device, job, received_at, plan in bursts:  # noqa: B007
                for counter, label, captured_at in _labels(db, device, job):
                    yield Row(device, job, counter, label, captured_at, received_at, recorded_at, plan)


def _labels(db: sqlite3.Connection, device: str, job: str) -> list[tuple[int, str, float | None]]:
    query = "SELECT counter, label, captured_at FROM labels WHERE device = ? AND job = ? ORDER BY counter"
    return db.execute(query, (device, job)).fetchall()


def write_rows(rows: Iterable[AnyRow], kind: type[AnyRow], form: Format, out: IO[bytes]) -> int:
    """Write rows of a kind in a format; returns their number.

    Raises `ConfigurationError` where pyarrow is missing for it.
    """
    return _WRITERS[form](rows, kind, out)


def _write_csv(rows: Iterable[AnyRow], kind: type[AnyRow], out: IO[bytes]) -> int:
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    number = 0
    try:
        writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow(kind.__struct_fields__)
        for number, row in enumerate(rows, start=1):  # noqa: B007
            writer.writerow(map(cell, msgspec.structs.astuple(row)))
    finally:
        text.detach()
    return number


def _write_json_lines(rows: Iterable[AnyRow], kind: type[AnyRow], out: IO[bytes]) -> int:
    number = 0
    for number, row in enumerate(rows, start=1):  # noqa: B007
        out.write(msgspec.json.encode(row) + b"\n")
    return number


def _write_parquet(rows: Iterable[AnyRow], kind: type[AnyRow], out: IO[bytes]) -> int:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise ConfigurationError(
            f"format is 'parquet', which needs pyarrow, and that isn't installed; run: {install_command('pyarrow')}"
        ) from error
    text, real = pyarrow.string(), pyarrow.float64()
    of: dict[Any, Any] = {int: pyarrow.int64(), str: text, str | None: text, float: real, float | None: real}
    schema = pyarrow.schema([(field.name, of[field.type]) for field in msgspec.structs.fields(kind)])
    number = 0
    with parquet.ParquetWriter(out, schema) as writer:
        remaining = iter(rows)
        while batch := list(islice(remaining, _ROWS)):
            columns = zip(*map(msgspec.structs.astuple, batch), strict=True)
            arrays = [pyarrow.array(column, kind_of) for column, kind_of in zip(columns, schema.types, strict=True)]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))
            number += len(batch)
    return number


#: The function that writes each format.
_WRITERS: dict[Format, Callable[[Iterable[AnyRow], type[AnyRow], IO[bytes]], int]] = {
    "csv": _write_csv,
    "jsonl": _write_json_lines,
    "parquet": _write_parquet,
}
