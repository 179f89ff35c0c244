"""Pages of labels and readings: rows of a filter in order of their time, from any place on.

A filter chooses devices, or any, and kinds, or any. Each choice of one of both is a range of an index, which begins
anywhere at once; several ranges are merged as they are read, so that a page costs the same wherever it is.
"""

import heapq
import json
import math
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Generic, TypeVar

from common.errors import HistoryError
from common.history.cursors import Place
from common.history.views import LabelFilter, LabelView, ReadingFilter, ReadingView
from common.history.writing import LATEST

#: Rows that are read of each range of a page at once, beside its share of the page.
_MORE = 1

Filter = TypeVar("Filter", LabelFilter, ReadingFilter)
View = TypeVar("View")


@dataclass(frozen=True)
class Listing(Generic[Filter, View]):
    """A table of rows and the table of their kinds: the columns of a view, and by which a filter chooses kinds."""

    table: str
    kinds: str
    columns: str
    view: Callable[..., View]
    chosen_by: Callable[[Filter], dict[str, str]]

    def query(self) -> str:
        """The query for the places and views of all rows."""
        return (
            f"SELECT {self.table}.at, {self.table}.id, {self.columns} FROM {self.table} "
            f"CROSS JOIN devices ON devices.id = {self.table}.device "
            f"CROSS JOIN {self.kinds} ON {self.kinds}.id = {self.table}.kind "
        )


LABELS: Listing[LabelFilter, LabelView] = Listing(
    "labels",
    "label_kinds",
    "devices.name, job, counter, label, at, recorded_at, label_group, region, source",
    LabelView,
    lambda wanted: {"label": wanted.label, "label_group": wanted.group, "region": wanted.region},
)
READINGS: Listing[ReadingFilter, ReadingView] = Listing(
    "readings",
    "reading_kinds",
    "devices.name, reading_kinds.name, job, at, recorded_at, state, value, unit, probability, why",
    ReadingView,
    lambda wanted: {"name": wanted.name, "state": wanted.state},
)


@dataclass(frozen=True)
class Choice:
    """The devices (None: any) and the kinds (None: any) that a filter chooses, and the times: `end` isn't included."""

    devices: tuple[int, ...] | None
    kinds: tuple[int, ...] | None
    start: float
    end: float

    def ranges(self) -> list[tuple[str, tuple[int, ...]]]:
        """The conditions, with their values, of ranges that together are the choice but for its times."""
        devices = [("", ())] if self.devices is None else [("device = ? AND ", (each,)) for each in self.devices]
        kinds = [("", ())] if self.kinds is None else [("kind = ? AND ", (each,)) for each in self.kinds]
        return [(of + which, (*device, *kind)) for of, device in devices for which, kind in kinds]


def choose(db: sqlite3.Connection, listing: Listing[Filter, View], wanted: Filter) -> Choice:
    """What a filter chooses. Raises `HistoryError` for a time that is no number."""
    start, end = (_moment(name, getattr(wanted, name)) for name in ("start", "end"))
    named = {column: text for column, text in listing.chosen_by(wanted).items() if text}
    kinds = None
    if named:
        where = " AND ".join(f"{column} = ?" for column in named)
        found = db.execute(f"SELECT id FROM {listing.kinds} WHERE {where}", tuple(named.values()))
        kinds = tuple(number for (number,) in found)
    return Choice(
        _devices(db, wanted.device, wanted.devices),
        kinds,
        0.0 if start is None else start,
        2 * LATEST if end is None else end,
    )


def _devices(db: sqlite3.Connection, device: str, among: Sequence[str] | None) -> tuple[int, ...] | None:
    """The numbers of a device, or of all (empty), among those that may be chosen; None for any."""
    if not device and among is None:
        return None
    names = among if not device else [device] if among is None or device in among else []
    found = db.execute("SELECT id FROM devices WHERE name IN (SELECT value FROM json_each(?))", (json.dumps(names),))
    return tuple(number for (number,) in found)


def rows(
    db: sqlite3.Connection, listing: Listing[Filter, View], wanted: Filter, after: Place | None, limit: int
) -> list[tuple[Place, View]]:
    """At most `limit` rows of a filter in its order, those behind a place, or from the first on."""
    choice = choose(db, listing, wanted)
    newest = wanted.order == "newest"
    order = f"ORDER BY at {{0}}, {listing.table}.id {{0}} LIMIT ?".format("DESC" if newest else "ASC")
    ranges = choice.ranges()
    at_once = limit // max(len(ranges), 1) + _MORE
    parts = [
        _range(db, listing, order, at_once, _Span(choice.start, choice.end, newest, after), *each) for each in ranges
    ]
    found = heapq.merge(*parts, key=lambda row: (row[0], row[1]), reverse=newest)
    return [(Place(at, number), listing.view(*values)) for at, number, *values in islice(found, limit)]


@dataclass(frozen=True)
class _Span:
    """From when to before when (epoch, s), in which order, and behind which place, if behind one."""

    start: float
    end: float
    newest: bool
    after: Place | None

    def conditions(self, table: str) -> list[tuple[str, tuple[float, ...]]]:
        """Conditions, with their values, of the rest of a place's moment, and then of all other times."""
        if self.after is None:
            return [("at >= ? AND at < ?", (self.start, self.end))]
        same = (f"at = ? AND {table}.id {'<' if self.newest else '>'} ?", tuple(self.after))
        if self.newest:
            return [same, ("at >= ? AND at < ?", (self.start, self.after.at))]
        return [same, ("at > ? AND at < ?", (self.after.at, self.end))]


def _range(
    db: sqlite3.Connection,
    listing: Listing[Any, Any],
    order: str,
    at_once: int,
    span: _Span,
    where: str,
    values: tuple[int, ...],
) -> Iterator[tuple[Any, ...]]:
    """The rows of a range of an index, a few at a time, so that one prepared query serves all ranges of a page."""
    query = listing.query()
    while True:
        found: list[tuple[Any, ...]] = []
        for within, times in span.conditions(listing.table):
            text = f"{query}WHERE {where}{within} {order}"
            found += db.execute(text, (*values, *times, at_once - len(found))).fetchall()
        yield from found
        if len(found) < at_once:
            return
        span = replace(span, after=Place(*found[-1][:2]))


def _moment(name: str, at: float | None) -> float | None:
    if at is None:
        return None
    if math.isnan(at):
        raise HistoryError(f"{name} is {at}; give seconds since the epoch")
    return min(max(at, 0.0), 2 * LATEST)
