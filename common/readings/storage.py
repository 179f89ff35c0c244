"""The tables of readings in a key holder's SQLite file: a device's outbox, or the record of a site's console.

    readings  one row for each reading of each picture, in the order of their record
    tracks    what is known of each reading of a device (`common.readings.packing`), by the key of its specification:
              a reading that gets other regions begins anew, and what was known stays for a return to the earlier ones

Both are written in the transaction that records the labels, so that each picture counts once, whatever dies when.
"""

import sqlite3
from collections.abc import Sequence

from common.readings.reader import Taken, Tracks
from common.readings.reading import Reading

#: The statements that make the tables. A number is never used twice, so that it tells which reading was first.
READINGS = (
    """CREATE TABLE readings (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        device TEXT NOT NULL,
        name TEXT NOT NULL,
        job TEXT NOT NULL,
        captured_at REAL,
        state TEXT NOT NULL,
        value TEXT,
        unit TEXT NOT NULL,
        probability REAL NOT NULL,
        why TEXT NOT NULL,
        recorded_at REAL NOT NULL,
        UNIQUE (device, job, name)
    )""",
    "CREATE INDEX readings_by_name ON readings (device, name)",
    """CREATE TABLE tracks (
        device TEXT NOT NULL,
        name TEXT NOT NULL,
        key TEXT NOT NULL,
        track BLOB NOT NULL,
        PRIMARY KEY (device, name, key)
    )""",
)
#: The columns of a `Reading`.
COLUMNS = "device, name, job, captured_at, state, value, unit, probability, why"
#: The query for what is known of a device's readings.
TRACKS = "SELECT name, key, track FROM tracks WHERE device = ?"
#: The query for the last reading of each name of each device.
LAST_READINGS = (
    f"SELECT {COLUMNS} FROM readings WHERE number IN (SELECT max(number) FROM readings GROUP BY device, name)"
)


def as_tracks(rows: Sequence[tuple[str, str, bytes]]) -> Tracks:
    """What the rows of the query `TRACKS` say."""
    return {(name, key): track for name, key, track in rows}


def add_taken(transaction: sqlite3.Connection, taken: Taken, recorded_at: float) -> None:
    """Record what a picture gave, within the transaction that records its labels, at a time (epoch, s)."""
    transaction.executemany(
        f"INSERT INTO readings ({COLUMNS}, recorded_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(*_values(reading), recorded_at) for reading in taken.readings],
    )
    transaction.executemany(
        "INSERT OR REPLACE INTO tracks VALUES (?, ?, ?, ?)",
        [(taken.device, name, key, track) for (name, key), track in taken.tracks.items()],
    )


def _values(reading: Reading) -> tuple[object, ...]:
    return tuple(getattr(reading, column) for column in COLUMNS.split(", "))
