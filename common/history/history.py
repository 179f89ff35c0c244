"""The history of labels and readings that a key holder keeps for pages and plots, in one SQLite file.

It is fed with the events that are published (`common.history.way`), and knows each one once, however often it comes.
Whoever reads has a connection of their own, and waits for nobody who writes.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from common.errors import HistoryError
from common.history import latest, plots
from common.history.cursors import Cursors, Place
from common.history.history_file import HISTORY, KEY_BYTES
from common.history.pages import LABELS, READINGS, Filter, Listing, View, rows
from common.history.views import (
    LabelFilter,
    LabelPlot,
    LabelView,
    Page,
    ReadingFilter,
    ReadingPlot,
    ReadingView,
)
from common.history.writing import add_rows, forget_rows
from common.publishing.events import Event
from common.service.database import Database, reading

#: Rows of a page, at most.
_MOST_ROWS = 10_000
#: Rows that are read at once for an export.
_EXPORT_ROWS = 1000


class History:
    """A history's file; any thread may call. Every method raises `HistoryError` when the file can't be used."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = Database(path, HISTORY)
        try:
            self._cursors = Cursors(self._key())
        except BaseException:
            self._db.close()
            raise
        self._version = 0

    def close(self) -> None:
        """Close the file; no method may be called afterwards."""
        self._db.close()

    @property
    def version(self) -> int:
        """A number that changes whenever rows were added or forgotten since this object was made."""
        return self._version

    def add(self, events: Sequence[Event]) -> int:
        """Add events, a burst's labels before its readings; returns how many weren't there yet.

        When this returns, they are on disk.
        """
        with self._db.transaction() as db:
            added = add_rows(db, events)
        self._version += bool(added)
        return added

    def forget(self, before: float) -> int:
        """Delete a few of the oldest rows recorded before a time (epoch, s); returns how many, 0 when none is left."""
        with self._db.transaction() as db:
            forgotten = forget_rows(db, before)
        self._version += bool(forgotten)
        return forgotten

    def filled_to(self) -> float:
        """Up to when (epoch, s) all labels of the record are in here, as `fill_to` said last; 0 before."""
        ((recorded_at,),) = self._db.rows("SELECT recorded_at FROM filled")
        return float(recorded_at)

    def fill_to(self, recorded_at: float) -> None:
        """Write down that all labels are in here that were recorded up to a time (epoch, s)."""
        with self._db.transaction() as db:
            db.execute("UPDATE filled SET recorded_at = ?", (recorded_at,))

    def labels(self, wanted: LabelFilter, cursor: str | None, limit: int) -> Page[LabelView]:
        """At most `limit` labels of a filter, 1 to 10,000, in order of their time, behind a cursor of an earlier page.

        Raises `HistoryError` for a cursor that isn't one of this filter's.
        """
        return self._page(LABELS, wanted, cursor, limit)

    def readings(self, wanted: ReadingFilter, cursor: str | None, limit: int) -> Page[ReadingView]:
        """Readings, likewise."""
        return self._page(READINGS, wanted, cursor, limit)

    def all_labels(self, wanted: LabelFilter) -> Iterator[LabelView]:
        """All labels of a filter, a few at a time."""
        return self._all(LABELS, wanted)

    def all_readings(self, wanted: ReadingFilter) -> Iterator[ReadingView]:
        """All readings of a filter, a few at a time."""
        return self._all(READINGS, wanted)

    def label_plot(self, wanted: LabelFilter, points: int) -> LabelPlot:
        """Labels over time, in at most so many stretches (1 to 10,000), which begin at multiples of their length."""
        with self._snapshot() as db:
            return plots.label_plot(db, wanted, points)

    def reading_plot(self, wanted: ReadingFilter, points: int) -> ReadingPlot:
        """A reading over time, likewise; the filter names device and reading."""
        with self._snapshot() as db:
            return plots.reading_plot(db, wanted, points)

    def devices(self) -> list[str]:
        """The devices that have a label or reading, in order of their names."""
        with self._snapshot() as db:
            return latest.devices(db)

    def last_labels(self, devices: Sequence[str]) -> dict[str, LabelView]:
        """The last label of each of these devices that has one."""
        with self._snapshot() as db:
            return latest.last_labels(db, devices)

    def last_readings(self, devices: Sequence[str]) -> dict[str, tuple[ReadingView, ...]]:
        """The last reading of each name of each of these devices that has one."""
        with self._snapshot() as db:
            return latest.last_readings(db, devices)

    def sparks(self, devices: Sequence[str], now: float) -> dict[str, tuple[int, ...]]:
        """The labels in each of the 60 minutes before a time (epoch, s), the oldest first, of each of these devices."""
        with self._snapshot() as db:
            return latest.sparks(db, devices, now)

    @contextmanager
    def _snapshot(self) -> Iterator[sqlite3.Connection]:
        """A connection for questions: all of them are answered as of the first one, whatever is written meanwhile."""
        with reading(self._path, HISTORY) as db:
            db.execute("BEGIN")
            yield db

    def _page(self, listing: Listing[Filter, View], wanted: Filter, cursor: str | None, limit: int) -> Page[View]:
        if not 1 <= limit <= _MOST_ROWS:
            raise HistoryError(f"limit is {limit}; give 1 to {_MOST_ROWS:,}")
        of = f"{listing.table} {sorted(asdict(wanted).items())}"
        after = None if cursor is None else self._cursors.open(cursor, of)
        with self._snapshot() as db:
            found = rows(db, listing, wanted, after, limit + 1)
        views = tuple(view for _, view in found[:limit])
        return Page(views, self._cursors.seal(found[limit - 1][0], of) if len(found) > limit else None)

    def _all(self, listing: Listing[Filter, View], wanted: Filter) -> Iterator[View]:
        after: Place | None = None
        while True:
            with self._snapshot() as db:
                found = rows(db, listing, wanted, after, _EXPORT_ROWS)
            if not found:
                return
            for _, view in found:
                yield view
            after = found[-1][0]

    def _key(self) -> bytes:
        with self._db.transaction() as db:
            row = db.execute("SELECT key FROM cursor_key").fetchone()
            if row is None:
                row = (os.urandom(KEY_BYTES),)
                db.execute("INSERT INTO cursor_key VALUES (?)", row)
        return bytes(row[0])
