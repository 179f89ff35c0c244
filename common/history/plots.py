"""Plots: labels counted, and readings summarised, in consecutive stretches of time.

Whole days and hours come out of what is counted already, and what is cut off at both ends out of the rows themselves,
so that a plot of any times counts exactly its rows. Where stretches are shorter than an hour, all of it does.
"""

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

from common.errors import HistoryError
from common.history.counting import DAY, HOUR, Summary, merged, summaries, summary_of
from common.history.history_file import ALL_DEVICES
from common.history.pages import LABELS, READINGS, Choice, choose, rows
from common.history.views import Bucket, LabelFilter, LabelPlot, ReadingFilter, ReadingPlot, ReadingPoint

#: The seconds that a stretch can have; those of an hour or more are whole hours, and those of a day or more whole days.
_WIDTHS = (1, 5, 10, 30, 60, 300, 600, 1800, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY)
#: Rows that a plot counts one by one, at most: where there are more, its stretches have at least an hour.
_MOST_ROWS = 100_000
#: Stretches of a plot, at most.
_MOST_POINTS = 10_000


class _Part(NamedTuple):
    """A part of a plot's time: from which table, and from where to before where, in its unit (s) since the epoch."""

    unit: int
    start: float
    end: float


def label_plot(db: sqlite3.Connection, wanted: LabelFilter, points: int) -> LabelPlot:
    """Labels over time, in at most so many stretches. Raises `HistoryError` for a number out of range."""
    _check(points)
    choice = choose(db, LABELS, wanted)
    bounds = _bounds(db, "labels", choice)
    if bounds is None:
        return LabelPlot(float(_WIDTHS[0]), (), ())
    seconds = _width(db, "label_hours", _counted(choice), bounds, points)
    names = dict(db.execute("SELECT id, label FROM label_kinds"))
    counts: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for part in _parts(*_edges(choice, bounds), seconds):
        for stretch, kind, frames in _label_counts(db, choice, part, seconds):
            if kind in names:  # as in every file that nobody has changed
                counts[stretch][names[kind]] += frames
    labels = sorted({label for each in counts.values() for label in each})
    buckets = (Bucket(float(number * seconds), dict(sorted(counts[number].items()))) for number in sorted(counts))
    return LabelPlot(float(seconds), tuple(labels), tuple(buckets))


def reading_plot(db: sqlite3.Connection, wanted: ReadingFilter, points: int) -> ReadingPlot:
    """A reading over time, in at most so many stretches.

    Raises `HistoryError` for a number out of range, and for a filter that doesn't name device and reading.
    """
    _check(points)
    if not wanted.device or not wanted.name:
        raise HistoryError("a plot is of one reading of one device; give device and name")
    choice = choose(db, READINGS, wanted)
    bounds = _bounds(db, "readings", choice)
    if bounds is None:
        return ReadingPlot(float(_WIDTHS[0]), wanted.name, "", ())
    seconds = _width(db, "reading_hours", _counted(choice), bounds, points)
    kinds = {kind: (state, unit) for kind, state, unit in db.execute("SELECT id, state, unit FROM reading_kinds")}
    found: defaultdict[int, list[tuple[int, Summary]]] = defaultdict(list)
    for part in _parts(*_edges(choice, bounds), seconds):
        for stretch, kind, summary in _reading_summaries(db, choice, part, seconds):
            found[stretch].append((kind, summary))
    shown = []
    for stretch in sorted(found):
        states: Counter[str] = Counter()
        for kind, summary in found[stretch]:
            states[kinds[kind][0]] += summary.readings
        whole = merged([summary for _, summary in found[stretch]])
        point = ReadingPoint(
            float(stretch * seconds), whole.last, dict(states), whole.first, whole.lowest, whole.highest
        )
        shown.append(point)
    ((_, last),) = rows(db, READINGS, ReadingFilter(wanted.device, wanted.name), None, 1)
    return ReadingPlot(float(seconds), wanted.name, last.unit, tuple(shown))


def _check(points: int) -> None:
    if not 1 <= points <= _MOST_POINTS:
        raise HistoryError(f"points is {points}; give 1 to {_MOST_POINTS:,}")


def _bounds(db: sqlite3.Connection, table: str, choice: Choice) -> tuple[float, float] | None:
    """The times of the first and the last row of a choice; None where it has none."""
    found = []
    for where, values in choice.ranges():
        # One minimum or maximum in a query is a look at the end of an index.
        for end in ("min", "max"):
            query = f"SELECT {end}(at) FROM {table} WHERE {where}at >= ? AND at < ?"
            found += [at for (at,) in db.execute(query, (*values, choice.start, choice.end)) if at is not None]
    return (min(found), max(found)) if found else None


def _edges(choice: Choice, bounds: tuple[float, float]) -> tuple[float, float]:
    """From where to before where a plot counts: whole days, but where the choice's own times cut one."""
    first, last = bounds
    return max(choice.start, first // DAY * DAY), min(choice.end, (last // DAY + 1) * DAY)


def _counted(choice: Choice) -> tuple[int, ...]:
    """The devices whose rows of what is counted make up a choice."""
    return (ALL_DEVICES,) if choice.devices is None else choice.devices


def _width(
    db: sqlite3.Connection, hours: str, devices: tuple[int, ...], bounds: tuple[float, float], points: int
) -> int:
    """The seconds of the shortest stretches of which so many or fewer go from the first row to the last one."""
    first, last = (int(at) for at in bounds)
    column = "frames" if hours == "label_hours" else "readings"
    query = f"SELECT coalesce(sum({column}), 0) FROM {hours} WHERE device = ? AND stretch BETWEEN ? AND ?"
    hour, last_hour = first // HOUR, last // HOUR
    for seconds in _widths():
        if last // seconds - first // seconds < points:
            if seconds >= HOUR:
                return seconds
            if sum(db.execute(query, (device, hour, last_hour)).fetchone()[0] for device in devices) <= _MOST_ROWS:
                return seconds
            return next(each for each in _widths() if each >= HOUR)
    raise AssertionError("some stretch is long enough")


def _widths() -> Iterator[int]:
    yield from _WIDTHS
    longer = _WIDTHS[-1]
    while True:
        longer *= 2
        yield longer


def _parts(start: float, end: float, seconds: int) -> list[_Part]:
    """The parts of which a plot consists: rows, hours, days, hours, rows; none overlaps another, and none is empty."""
    hours = (-int(-start // HOUR), int(end // HOUR))
    if seconds < HOUR or hours[0] >= hours[1]:
        return [_Part(1, start, end)]
    days = (-(-hours[0] * HOUR // DAY), hours[1] * HOUR // DAY)
    parts = [_Part(HOUR, *hours)]
    if seconds >= DAY and days[0] < days[1]:
        per_day = DAY // HOUR
        parts = [
            _Part(HOUR, hours[0], days[0] * per_day),
            _Part(DAY, *days),
            _Part(HOUR, days[1] * per_day, hours[1]),
        ]
    parts = [_Part(1, start, hours[0] * HOUR), *parts, _Part(1, hours[1] * HOUR, end)]
    return [part for part in parts if part.start < part.end]


def _label_counts(db: sqlite3.Connection, choice: Choice, part: _Part, seconds: int) -> Iterator[tuple[int, int, int]]:
    """The stretch's number, the kind, and the number of labels of a part of a plot."""
    chosen = "" if choice.kinds is None else " AND kind IN (SELECT value FROM json_each(?))"
    values = () if choice.kinds is None else (json.dumps(choice.kinds),)
    if part.unit > 1:
        table = "label_hours" if part.unit == HOUR else "label_days"
        query = (
            f"SELECT stretch / ?, kind, sum(frames) FROM {table} WHERE device = ? AND stretch >= ? AND stretch < ?"
            f"{chosen} GROUP BY 1, 2"
        )
        for device in _counted(choice):
            yield from db.execute(query, (seconds // part.unit, device, part.start, part.end, *values))
        return
    query = "SELECT CAST(at AS INTEGER) / ?, kind, count(*) FROM labels WHERE {}at >= ? AND at < ?{} GROUP BY 1, 2"
    for where, of_device in replace(choice, kinds=None).ranges():
        yield from db.execute(query.format(where, chosen), (seconds, *of_device, part.start, part.end, *values))


def _reading_summaries(
    db: sqlite3.Connection, choice: Choice, part: _Part, seconds: int
) -> Iterator[tuple[int, int, Summary]]:
    """The stretch's number, the kind, and a summary of readings of a part of a plot."""
    kinds: Sequence[int] = choice.kinds or ()
    (device,) = choice.devices or ()
    if part.unit == 1:
        query = "SELECT at, number FROM readings WHERE device = ? AND kind = ? AND at >= ? AND at < ? ORDER BY at"
        for kind in kinds:
            of_kind = db.execute(query, (device, kind, part.start, part.end))
            for stretch, those in groupby(of_kind, lambda row: int(row[0]) // seconds):
                yield stretch, kind, summary_of(list(those))
        return
    table = "reading_hours" if part.unit == HOUR else "reading_days"
    for stretch, kind, summary in summaries(db, table, device, kinds, int(part.start), int(part.end)):
        yield stretch // (seconds // part.unit), kind, summary
