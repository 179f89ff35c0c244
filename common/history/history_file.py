"""The history's SQLite file: its tables and indices.

    devices, label_kinds, reading_kinds   names that rows have, once each; a kind is what rows are filtered by
    labels, readings                      one row for each, as it was published: no lead ever gets here
    label_hours, label_days               how many labels of each kind a device has in each hour and day (UTC) since the
                                          epoch; device 0 stands for all devices together
    reading_hours, reading_days           likewise of readings: how many, and the first, last, lowest and highest value
    filled                                up to when the labels of a console's record are in here, too
    cursor_key                            the key that seals the cursors of pages

Rows and what is counted of them change in the same transaction. A label takes about 250 bytes.
"""

import sqlite3

from common.errors import HistoryError
from common.service.database import DatabaseKind

#: The name of the history's file in the state folder of a console or device.
FILE = "history.sqlite"
#: Bytes of the key of cursors (AES-256).
KEY_BYTES = 32
#: The number of the device that stands for all of them.
ALL_DEVICES = 0


def _indices(table: str) -> tuple[str, ...]:
    """An index for each choice of device and kind in order of time, and one in order of record."""
    return (
        f"CREATE INDEX {table}_by_time ON {table} (at)",
        f"CREATE INDEX {table}_by_device ON {table} (device, at)",
        f"CREATE INDEX {table}_by_kind ON {table} (kind, at)",
        f"CREATE INDEX {table}_by_device_and_kind ON {table} (device, kind, at)",
        f"CREATE INDEX {table}_by_record ON {table} (recorded_at)",
    )


def _counted(table: str, columns: str) -> str:
    return f"""CREATE TABLE {table} (
        device INTEGER NOT NULL,
        stretch INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        {columns},
        PRIMARY KEY (device, stretch, kind)
    ) WITHOUT ROWID"""


_FRAMES = "frames INTEGER NOT NULL"
_VALUES = "readings INTEGER NOT NULL, first_at REAL, first REAL, last_at REAL, last REAL, lowest REAL, highest REAL"
_SCHEMA = (
    "CREATE TABLE devices (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    """CREATE TABLE label_kinds (
        id INTEGER PRIMARY KEY,
        label TEXT NOT NULL,
        label_group TEXT NOT NULL,
        region TEXT NOT NULL,
        UNIQUE (label, label_group, region)
    )""",
    """CREATE TABLE reading_kinds (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        state TEXT NOT NULL,
        unit TEXT NOT NULL,
        UNIQUE (name, state, unit)
    )""",
    """CREATE TABLE labels (
        id INTEGER PRIMARY KEY,
        device INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        at REAL NOT NULL,
        job TEXT NOT NULL,
        counter INTEGER NOT NULL,
        source TEXT NOT NULL,
        recorded_at REAL NOT NULL,
        UNIQUE (device, job, counter)
    )""",
    """CREATE TABLE readings (
        id INTEGER PRIMARY KEY,
        device INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        at REAL NOT NULL,
        job TEXT NOT NULL,
        name TEXT NOT NULL,
        value TEXT,
        number REAL,
        probability REAL NOT NULL,
        why TEXT NOT NULL,
        recorded_at REAL NOT NULL,
        UNIQUE (device, job, name)
    )""",
    *_indices("labels"),
    *_indices("readings"),
    _counted("label_hours", _FRAMES),
    _counted("label_days", _FRAMES),
    _counted("reading_hours", _VALUES),
    _counted("reading_days", _VALUES),
    "CREATE TABLE filled (recorded_at REAL NOT NULL)",
    "INSERT INTO filled VALUES (0)",
    "CREATE TABLE cursor_key (key BLOB NOT NULL)",
)


def _upgrade(_: sqlite3.Connection, version: int) -> None:
    raise HistoryError(f"the history has schema {version}, which no version of Blindsight wrote")


HISTORY = DatabaseKind(
    name="history",
    contents="labels and readings",
    application_id=0x426C6E48,
    version=1,
    schema=_SCHEMA,
    upgrade=_upgrade,
    error=HistoryError,
    full_error=HistoryError,
    always=(
        "SELECT count(*) FROM filled",
        f"SELECT count(*) <= 1 AND coalesce(sum(length(key) != {KEY_BYTES}), 0) = 0 FROM cursor_key",
        "SELECT NOT EXISTS (SELECT 1 FROM reading_kinds "
        "WHERE state NOT IN ('good', 'corrected', 'uncertain', 'reset'))",
    ),
)
