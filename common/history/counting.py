"""What is counted of labels and readings by hour and day: kept within the transaction that adds or forgets rows.

Hours and days are numbered from the epoch on, in UTC.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from itertools import groupby
from typing import NamedTuple

from common.history.history_file import ALL_DEVICES

#: The seconds of an hour and of a day.
HOUR, DAY = 3600, 86400
#: Hours of a day.
_HOURS = DAY // HOUR


class Counted(NamedTuple):
    """What a row counts for: a device's number, a kind's number, and the row's time (epoch, s)."""

    device: int
    kind: int
    at: float


def count_labels(db: sqlite3.Connection, rows: Iterable[Counted], sign: int) -> None:
    """Count labels that were added (`sign` is 1) or forgotten (-1)."""
    by_hour: Counter[tuple[int, int, int]] = Counter()
    by_day: Counter[tuple[int, int, int]] = Counter()
    for device, kind, at in rows:
        for counted in (device, ALL_DEVICES):
            by_hour[counted, int(at) // HOUR, kind] += sign
            by_day[counted, int(at) // DAY, kind] += sign
    for table, counts in (("label_hours", by_hour), ("label_days", by_day)):
        db.executemany(
            f"INSERT INTO {table} VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET frames = frames + excluded.frames",
            [(*key, frames) for key, frames in sorted(counts.items())],
        )
        if sign < 0:
            of_key = "device = ? AND stretch = ? AND kind = ?"
            db.executemany(f"DELETE FROM {table} WHERE {of_key} AND frames <= 0", sorted(counts))


@dataclass(frozen=True)
class Summary:
    """How many readings there are of a stretch, and the values and times (epoch, s) of those that have one.

    Of two readings of the same time the one with the larger value counts as the later one.
    """

    readings: int
    first_at: float | None = None
    first: float | None = None
    last_at: float | None = None
    last: float | None = None
    lowest: float | None = None
    highest: float | None = None


#: The columns of a `Summary`.
SUMMARY = "readings, first_at, first, last_at, last, lowest, highest"


def summary_of(rows: Sequence[tuple[float, float | None]]) -> Summary:
    """The summary of readings, each a time and a value."""
    known = [(at, number) for at, number in rows if number is not None]
    if not known:
        return Summary(len(rows))
    numbers = [number for _, number in known]
    return Summary(len(rows), *min(known), *max(known), min(numbers), max(numbers))


def merged(parts: Sequence[Summary]) -> Summary:
    """The summary of all readings of several stretches together."""
    readings = sum(part.readings for part in parts)
    firsts = [(part.first_at, part.first) for part in parts if part.first_at is not None and part.first is not None]
    lasts = [(part.last_at, part.last) for part in parts if part.last_at is not None and part.last is not None]
    if not firsts or not lasts:
        return Summary(readings)
    lowest = min(part.lowest for part in parts if part.lowest is not None)
    highest = max(part.highest for part in parts if part.highest is not None)
    return Summary(readings, *min(firsts), *max(lasts), lowest, highest)


def count_readings(db: sqlite3.Connection, rows: Iterable[Counted]) -> None:
    """Count the readings of the hours and days anew in which some were added or forgotten."""
    hours = sorted({(device, kind, int(at) // HOUR) for device, kind, at in rows})
    for device, kind, hour in hours:
        left = db.execute(
            "SELECT at, number FROM readings WHERE device = ? AND kind = ? AND at >= ? AND at < ?",
            (device, kind, hour * HOUR, (hour + 1) * HOUR),
        ).fetchall()
        _put(db, "reading_hours", (device, hour, kind), summary_of(left))
    for (device, kind, day), _ in groupby(hours, lambda each: (each[0], each[1], each[2] // _HOURS)):
        of_day = summaries(db, "reading_hours", device, [kind], day * _HOURS, (day + 1) * _HOURS)
        _put(db, "reading_days", (device, day, kind), merged([each for _, _, each in of_day]))


def summaries(
    db: sqlite3.Connection, table: str, device: int, kinds: Iterable[int], start: int, end: int
) -> Iterator[tuple[int, int, Summary]]:
    """The stretch, the kind and the summary of each row of a device's kinds, from one stretch to before another."""
    query = f"SELECT stretch, kind, {SUMMARY} FROM {table} WHERE device = ? AND stretch >= ? AND stretch < ?"
    chosen = set(kinds)
    for stretch, kind, *values in db.execute(query, (device, start, end)):
        if kind in chosen:
            yield stretch, kind, Summary(*values)


def _put(db: sqlite3.Connection, table: str, key: tuple[int, int, int], summary: Summary) -> None:
    if summary.readings:
        db.execute(f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (*key, *astuple(summary)))
    else:
        db.execute(f"DELETE FROM {table} WHERE device = ? AND stretch = ? AND kind = ?", key)
