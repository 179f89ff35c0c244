"""Labels or readings of the record as rows for other programs, without scores or leads.

The record is read a few bursts at a time, so that neither its size nor a slow reader matters to memory, or to
a console that writes meanwhile.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from common.service.database import reading
from console.record.record_file import RECORD

#: Bursts that are read at once.
_BURSTS = 100
#: Readings that are read at once.
_READINGS = 10_000


@dataclass(frozen=True)
class Row:
    """A frame's label. Times are seconds since the epoch; `captured_at`, if it is known, is by the device's clock."""

    device: str
    job: str
    counter: int
    label: str
    captured_at: float | None
    received_at: float
    recorded_at: float
    plan: str


@dataclass(frozen=True)
class ReadingRow:
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


def read_readings(path: Path, since: float, until: float | None) -> Iterator[ReadingRow]:
    """Readings recorded from one time (epoch, s) on and before another, in order of their record.

    Raises `RecordError` when the record can't be read.
    """
    last = -1
    with reading(path, RECORD) as db:
        query = (
            f"SELECT number, {', '.join(field.name for field in fields(ReadingRow))} FROM readings "
            "WHERE number > ? AND recorded_at >= ? AND recorded_at < ? ORDER BY number LIMIT ?"
        )
        while rows := db.execute(query, (last, since, 1e300 if until is None else until, _READINGS)).fetchall():
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
