"""The record's SQLite file: its tables, and how a file of an earlier version is converted.

    bursts       one row for each device and job: its plan, and when it passed each station (epoch, s)
    labels       one row for each frame of a burst: its capture counter, label, the lead of the highest score
                 over the second (NULL where labels only are kept), and when it was captured (NULL if unknown)
    checks       one row for each known answer, with the label that it should have and the one it got
    unforwarded  one row for each label that is still to be forwarded, and where to, in the order of their record

It grows by about 200 bytes a label, and is the site's own: `sqlite3 labels.sqlite` reads it.
"""

import sqlite3

import msgspec

from common.errors import RecordError
from common.service.database import DatabaseKind

#: The table that schema 2 added. A number is never used twice, so that it tells which label was first.
_UNFORWARDED = """CREATE TABLE unforwarded (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    target TEXT NOT NULL CHECK (target IN ('topic', 'command')),
    device TEXT NOT NULL,
    job TEXT NOT NULL,
    counter INTEGER NOT NULL,
    FOREIGN KEY (device, job, counter) REFERENCES labels
)"""
#: The indexes that schema 2 added.
_INDEXES = (
    "CREATE INDEX bursts_by_time ON bursts (recorded_at)",
    "CREATE INDEX unforwarded_by_target ON unforwarded (target, number)",
    "CREATE INDEX unforwarded_by_burst ON unforwarded (device, job)",
)
#: The statements that make an empty record.
_SCHEMA = (
    """CREATE TABLE bursts (
        device TEXT NOT NULL,
        job TEXT NOT NULL,
        plan TEXT NOT NULL,
        frames INTEGER NOT NULL,
        received_at REAL NOT NULL,
        started_at REAL NOT NULL,
        finished_at REAL NOT NULL,
        arrived_at REAL NOT NULL,
        recorded_at REAL NOT NULL,
        PRIMARY KEY (device, job)
    )""",
    """CREATE TABLE labels (
        device TEXT NOT NULL,
        job TEXT NOT NULL,
        counter INTEGER NOT NULL,
        label TEXT NOT NULL,
        lead REAL,
        captured_at REAL,
        PRIMARY KEY (device, job, counter),
        FOREIGN KEY (device, job) REFERENCES bursts
    )""",
    """CREATE TABLE checks (
        device TEXT NOT NULL,
        job TEXT NOT NULL,
        counter INTEGER NOT NULL,
        expected TEXT NOT NULL,
        got TEXT NOT NULL,
        worker TEXT NOT NULL,
        PRIMARY KEY (device, job, counter),
        FOREIGN KEY (device, job) REFERENCES bursts
    )""",
    _UNFORWARDED,
    *_INDEXES,
)


class FrameLabel(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="label"):
    """A frame's label. `lead` stays in the console: it is made of scores, and those are forwarded to nobody.

    `captured_at` (epoch, s) is by the device's clock; None where its device didn't tell.
    """

    device: str
    job: str
    counter: int
    label: str
    received_at: float
    recorded_at: float
    lead: float | None = None
    captured_at: float | None = None


class Check(msgspec.Struct, frozen=True, tag_field="kind", tag="alarm"):
    """The label of a known answer. A wrong one is an alarm; others aren't printed. Nothing proves the worker's name."""

    device: str
    job: str
    counter: int
    expected: str
    got: str
    worker: str

    @property
    def wrong(self) -> bool:
        """Whether it raises an alarm."""
        return self.got != self.expected


#: The columns of a `FrameLabel`, in the join of labels and bursts.
LABEL_COLUMNS = "device, job, counter, label, received_at, recorded_at, lead, captured_at"


def _upgrade(db: sqlite3.Connection, version: int) -> None:
    if version != 1:
        raise RecordError(f"the record has schema {version}, which no version of Blindsight wrote")
    # Earlier labels count as forwarded: nobody knows which of them were.
    for statement in ("ALTER TABLE labels ADD COLUMN captured_at REAL", _UNFORWARDED, *_INDEXES):
        db.execute(statement)


RECORD = DatabaseKind(
    name="record",
    contents="labels",
    application_id=0x426C6E43,
    version=2,
    schema=_SCHEMA,
    upgrade=_upgrade,
    error=RecordError,
    full_error=RecordError,
)
