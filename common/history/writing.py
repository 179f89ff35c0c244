"""Events become rows of the history, each once, and old rows are forgotten; what is counted of them changes along."""

import math
import sqlite3
import time
from collections.abc import Iterable, Sequence

from common.history.counting import Counted, count_labels, count_readings
from common.publishing.events import Event, FrameLabel
from common.readings.reading import Reading

#: The latest time (epoch, s) that a row can have; it is in the year 5138.
LATEST = 1e11
#: The largest value of a reading that can be plotted.
_LARGEST_NUMBER = 1e300
#: Rows of each table that `forget_rows` deletes at once.
_FORGET_ROWS = 1000


def add_rows(db: sqlite3.Connection, events: Sequence[Event]) -> int:
    """Add those events that aren't there yet, within a transaction; returns how many these were."""
    labels = list(_added_labels(db, [event for event in events if isinstance(event, FrameLabel)]))
    count_labels(db, labels, 1)
    readings = list(_added_readings(db, [event for event in events if isinstance(event, Reading)]))
    count_readings(db, readings)
    return len(labels) + len(readings)


def forget_rows(db: sqlite3.Connection, before: float) -> int:
    """Delete a few of the oldest rows recorded before a time (epoch, s), within a transaction; returns how many.

    Names of devices, labels and readings go with the last row that has them.
    """
    labels = _forgotten(db, "labels", before)
    count_labels(db, labels, -1)
    readings = _forgotten(db, "readings", before)
    count_readings(db, readings)
    unused = "DELETE FROM {0} WHERE id = ? AND NOT EXISTS (SELECT 1 FROM {1} WHERE {2} = {0}.id)"
    db.executemany(unused.format("label_kinds", "labels", "kind"), {(row.kind,) for row in labels})
    db.executemany(unused.format("reading_kinds", "readings", "kind"), {(row.kind,) for row in readings})
    nor_read = " AND NOT EXISTS (SELECT 1 FROM readings WHERE device = devices.id)"
    devices = {(row.device,) for row in (*labels, *readings)}
    db.executemany(unused.format("devices", "labels", "device") + nor_read, devices)
    return len(labels) + len(readings)


def _added_labels(db: sqlite3.Connection, labels: Sequence[FrameLabel]) -> Iterable[Counted]:
    devices = _numbers(db, "devices", ("name",), {(label.device,) for label in labels})
    columns = ("label", "label_group", "region")
    kinds = _numbers(db, "label_kinds", columns, {(each.label, each.group, each.region) for each in labels})
    for label in labels:
        device, kind = devices[label.device,], kinds[label.label, label.group, label.region]
        at = _time(label.received_at if label.captured_at is None else label.captured_at)
        values = (device, kind, at, label.job, label.counter, label.source, _time(label.recorded_at))
        if _is_new(db, "labels (device, kind, at, job, counter, source, recorded_at)", values):
            yield Counted(device, kind, at)


def _added_readings(db: sqlite3.Connection, readings: Sequence[Reading]) -> Iterable[Counted]:
    devices = _numbers(db, "devices", ("name",), {(reading.device,) for reading in readings})
    columns = ("name", "state", "unit")
    kinds = _numbers(db, "reading_kinds", columns, {(each.name, each.state, each.unit) for each in readings})
    for reading in readings:
        device, kind = devices[reading.device,], kinds[reading.name, reading.state, reading.unit]
        labelled_at, recorded_at = _times_of_labels(db, device, reading.job)
        at = labelled_at if reading.captured_at is None else _time(reading.captured_at)
        text, number = reading.value, _number(reading.value)
        values = (device, kind, at, reading.job, reading.name, text, number, reading.probability, reading.why)
        columns_of_row = "device, kind, at, job, name, value, number, probability, why, recorded_at"
        if _is_new(db, f"readings ({columns_of_row})", (*values, recorded_at)):
            yield Counted(device, kind, at)


def _numbers(
    db: sqlite3.Connection, table: str, columns: Sequence[str], wanted: Iterable[tuple[str, ...]]
) -> dict[tuple[str, ...], int]:
    """The number of each of these names, or of what has several, which are added where they are new."""
    where = " AND ".join(f"{column} = ?" for column in columns)
    found = {}
    for values in sorted(wanted):
        _is_new(db, f"{table} ({', '.join(columns)})", values)
        ((found[values],),) = db.execute(f"SELECT id FROM {table} WHERE {where}", values).fetchall()
    return found


def _is_new(db: sqlite3.Connection, where: str, values: Sequence[object]) -> bool:
    """Insert a row unless it is there."""
    marks = ", ".join("?" * len(values))
    return db.execute(f"INSERT INTO {where} VALUES ({marks}) ON CONFLICT DO NOTHING", values).rowcount == 1


def _times_of_labels(db: sqlite3.Connection, device: int, job: str) -> tuple[float, float]:
    """When the labels of a picture were captured and recorded: they come before its readings, which don't say it."""
    query = "SELECT at, recorded_at FROM labels WHERE device = ? AND job = ? LIMIT 1"
    now = time.time()
    at, recorded_at = db.execute(query, (device, job)).fetchone() or (now, now)
    return at, recorded_at


def _forgotten(db: sqlite3.Connection, table: str, before: float) -> list[Counted]:
    query = f"SELECT id, device, kind, at FROM {table} WHERE recorded_at < ? ORDER BY recorded_at LIMIT ?"
    rows = db.execute(query, (before, _FORGET_ROWS)).fetchall()
    db.executemany(f"DELETE FROM {table} WHERE id = ?", [(row[0],) for row in rows])
    return [Counted(*row[1:]) for row in rows]


def _time(at: float) -> float:
    """A time that any row can have: clocks are set by people."""
    return min(max(at, 0.0), LATEST)


def _number(value: str | None) -> float | None:
    """A reading's value as a number that can be plotted."""
    try:
        number = math.nan if value is None else float(value)
    except ValueError:
        return None
    return number if abs(number) <= _LARGEST_NUMBER else None
