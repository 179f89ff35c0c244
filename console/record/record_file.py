"""The record's SQLite file: its tables, and how a file of an earlier version is converted.

    bursts    one row for each device and job: its plan, and when it passed each station (epoch, s)
    labels    one row for each frame of a burst: its capture counter, label, the lead of the highest score
              over the second (NULL where labels only are kept), and when it was captured (NULL if unknown)
    checks    one row for each known answer, with the label that it should have and the one it got
    readings  one row for each reading, and in `tracks` what is known of each meter (`common.readings.storage`)
    outgoing  what is still to be forwarded, and where to (`common.publishing.outgoing`)

It grows by about 200 bytes a label, and is the site's own: `sqlite3 labels.sqlite` reads it.
"""

import sqlite3

import msgspec

from common.errors import RecordError
from common.publishing.announced import ANNOUNCED
from common.publishing.events import FrameLabel, plain
from common.publishing.outgoing import OUTGOING
from common.readings.storage import READINGS
from common.service.database import DatabaseKind

#: The index that schema 2 added.
_BY_TIME = "CREATE INDEX bursts_by_time ON bursts (recorded_at)"
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
    _BY_TIME,
    *OUTGOING,
    *READINGS,
    *ANNOUNCED,
)


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


#: The statements that bring a record of schema 1 to schema 2. Its labels count as forwarded: nobody knows which were.
_FROM_1 = ("ALTER TABLE labels ADD COLUMN captured_at REAL", _BY_TIME)
#: The statements that bring a record of schema 2 to schema 3, whose table has the bodies of what is to be forwarded.
_FROM_2 = (
    "INSERT INTO outgoing SELECT number, target, plain_label(" + LABEL_COLUMNS + ") FROM unforwarded "
    "JOIN labels USING (device, job, counter) JOIN bursts USING (device, job) ORDER BY number",
    "DROP TABLE unforwarded",
)


def _upgrade(db: sqlite3.Connection, version: int) -> None:
    if version not in (1, 2, 3, 4):
        raise RecordError(f"the record has schema {version}, which no version of Blindsight wrote")
    db.create_function("plain_label", -1, lambda *row: plain(FrameLabel(*row)))
    earlier = {1: (*OUTGOING, *_FROM_1), 2: (*OUTGOING, *_FROM_2), 3: (), 4: ()}
    for statement in (*earlier[version], *(READINGS if version < 4 else ()), *ANNOUNCED):
        db.execute(statement)


RECORD = DatabaseKind(
    name="record",
    contents="labels",
    application_id=0x426C6E43,
    version=5,
    schema=_SCHEMA,
    upgrade=_upgrade,
    error=RecordError,
    full_error=RecordError,
)
