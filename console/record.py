"""The record of labels: each frame's once, in one SQLite file that a crash doesn't harm.

    bursts    one row for each device and job: its plan, and when it passed each station (epoch, s)
    labels    one row for each frame of a burst: its capture counter, label, and the lead of the
              highest score over the second (NULL where labels only are kept)
    checks    one row for each known answer, with the label that it should have and the one it got

It grows by about 200 bytes a label, and is the site's own: `sqlite3 labels.sqlite` reads it.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import msgspec

from common.database import Database, DatabaseKind
from common.errors import RecordError
from common.messages import Receipt

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
)


def _upgrade(_: sqlite3.Connection, version: int) -> None:
    raise RecordError(f"the record has schema {version}, which no version of Blindsight wrote")


RECORD = DatabaseKind(
    name="record",
    contents="labels",
    application_id=0x426C6E43,
    version=1,
    schema=_SCHEMA,
    upgrade=_upgrade,
    error=RecordError,
    full_error=RecordError,
)


class FrameLabel(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="label"):
    """A frame's label. `lead` stays in the console: it is made of scores, and those are forwarded to nobody."""

    device: str
    job: str
    counter: int
    label: str
    received_at: float
    recorded_at: float
    lead: float | None = None


class Check(msgspec.Struct, frozen=True, tag_field="kind", tag="alarm"):
    """A known answer that came back; a wrong one is an alarm, and only such are printed. `worker` is its own word."""

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


class Record:
    """Labels that a site's console has read. Every method raises `RecordError` when the file can't be used."""

    def __init__(self, path: Path) -> None:
        self._db = Database(path, RECORD)

    def close(self) -> None:
        """Close the file; no method may be called afterwards."""
        self._db.close()

    def check_writable(self) -> None:
        """Raise `RecordError` when nothing can be recorded now."""
        with self._db.transaction():
            pass

    def receipt(self, device: str, job: str) -> Receipt | None:
        """The receipt for a burst that is recorded, or None."""
        rows = self._db.rows(
            "SELECT job, frames, received_at, started_at, finished_at, arrived_at, recorded_at FROM bursts "
            "WHERE device = ? AND job = ?",
            device,
            job,
        )
        return Receipt(1, *rows[0]) if rows else None

    def add(
        self, device: str, plan: str, receipt: Receipt, labels: Sequence[FrameLabel], checks: Sequence[Check] = ()
    ) -> None:
        """Record a burst that isn't recorded yet, with its labels and checks; when this returns, they are on disk."""
        times = (receipt.received_at, receipt.started_at, receipt.finished_at, receipt.arrived_at, receipt.recorded_at)
        rows = [(label.device, label.job, label.counter, label.label, label.lead) for label in labels]
        with self._db.transaction() as db:
            db.execute(
                "INSERT INTO bursts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (device, receipt.job, plan, receipt.frames, *times),
            )
            db.executemany("INSERT INTO labels VALUES (?, ?, ?, ?, ?)", rows)
            db.executemany("INSERT INTO checks VALUES (?, ?, ?, ?, ?, ?)", map(msgspec.structs.astuple, checks))

    def labels(self) -> list[FrameLabel]:
        """All labels, in order of their record."""
        rows = self._db.rows(
            "SELECT device, job, counter, label, received_at, recorded_at, lead FROM labels "
            "JOIN bursts USING (device, job) ORDER BY bursts.rowid, counter"
        )
        return [FrameLabel(*row) for row in rows]

    def counts(self) -> dict[str, int]:
        """How many labels each device has."""
        return dict(self._db.rows("SELECT device, count(*) FROM labels GROUP BY device"))

    def checks(self) -> list[Check]:
        """All checks, in order of their record."""
        rows = self._db.rows(
            "SELECT device, job, counter, expected, got, worker FROM checks "
            "JOIN bursts USING (device, job) ORDER BY bursts.rowid, counter"
        )
        return [Check(*row) for row in rows]
