"""The record of labels: each frame's once, in one SQLite file (`console.record.record_file`).

A crash doesn't harm the file.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from common.publishing.events import FrameLabel
from common.publishing.outgoing import Outgoing, Target
from common.readings.reader import NOTHING_TAKEN, Taken, Tracks
from common.readings.reading import Reading
from common.readings.storage import LAST_READINGS, TRACKS, add_taken, as_tracks
from common.service.database import Database
from common.wire.messages import Receipt
from console.record.record_file import LABEL_COLUMNS, RECORD, Check

__all__ = ["FILE", "Check", "FrameLabel", "Record"]

#: The name of the record's file in a console's state folder.
FILE = "labels.sqlite"
#: Frames whose labels `forget` deletes at once, about.
_FORGET_FRAMES = 1000
#: Bursts among which `forget` looks for them.
_FORGET_BURSTS = 1000


class Record:
    """Labels that a site's console has read. Every method raises `RecordError` when the file can't be used.

    Labels that are added are to be forwarded to each of `targets`, and wait in `outgoing` until they are.
    """

    def __init__(self, path: Path, targets: Sequence[Target] = ()) -> None:
        self._db = Database(path, RECORD)
        self.outgoing = Outgoing(self._db, targets)

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

    def tracks(self, device: str) -> Tracks:
        """What is known of a device's readings."""
        return as_tracks(self._db.rows(TRACKS, device))

    def add(
        self,
        device: str,
        plan: str,
        receipt: Receipt,
        labels: Sequence[FrameLabel],
        checks: Sequence[Check] = (),
        taken: Taken = NOTHING_TAKEN,
    ) -> None:
        """Record a burst that isn't recorded yet, with its labels and checks, and what reading its picture gave.

        When this returns, all of it is on disk.
        """
        times = (receipt.received_at, receipt.started_at, receipt.finished_at, receipt.arrived_at, receipt.recorded_at)
        rows = [(each.device, each.job, each.counter, each.label, each.lead, each.captured_at) for each in labels]
        with self._db.transaction() as db:
            db.execute(
                "INSERT INTO bursts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (device, receipt.job, plan, receipt.frames, *times),
            )
            db.executemany("INSERT INTO labels VALUES (?, ?, ?, ?, ?, ?)", rows)
            db.executemany("INSERT INTO checks VALUES (?, ?, ?, ?, ?, ?)", map(msgspec.structs.astuple, checks))
            add_taken(db, taken, receipt.recorded_at)
            self.outgoing.add(db, [*labels, *taken.readings])

    def forget(self, before: float) -> int:
        """Delete a few of the oldest bursts recorded before a time (epoch, s); returns how many, 0 when none is left.

        What is still to be forwarded stays in `outgoing`.
        """
        with self._db.transaction() as db:
            query = "SELECT frames, device, job FROM bursts WHERE recorded_at < ? ORDER BY recorded_at LIMIT ?"
            oldest = db.execute(query, (before, _FORGET_BURSTS)).fetchall()
            chosen = _first(oldest, _FORGET_FRAMES)
            for table in ("labels", "checks", "readings", "bursts"):
                db.executemany(f"DELETE FROM {table} WHERE device = ? AND job = ?", chosen)
        return len(chosen)

    def labels(self) -> list[FrameLabel]:
        """All labels, in order of their record."""
        rows = self._db.rows(
            f"SELECT {LABEL_COLUMNS} FROM labels JOIN bursts USING (device, job) ORDER BY bursts.rowid, counter"
        )
        return [FrameLabel(*row) for row in rows]

    def last_readings(self) -> list[Reading]:
        """The last reading of each name of each device."""
        return [Reading(*row) for row in self._db.rows(LAST_READINGS)]

    def counts(self) -> dict[str, int]:
        """The number of labels of each device."""
        return dict(self._db.rows("SELECT device, count(*) FROM labels GROUP BY device"))

    def checks(self) -> list[Check]:
        """All checks, in order of their record."""
        rows = self._db.rows(
            "SELECT device, job, counter, expected, got, worker FROM checks "
            "JOIN bursts USING (device, job) ORDER BY bursts.rowid, counter"
        )
        return [Check(*row) for row in rows]

    def last_bursts(self, limit: int) -> list[Receipt]:
        """The receipts of the last bursts, at most `limit`, in order of their record."""
        rows = self._db.rows(
            "SELECT job, frames, received_at, started_at, finished_at, arrived_at, recorded_at FROM bursts "
            "ORDER BY recorded_at DESC LIMIT ?",
            limit,
        )
        return [Receipt(1, *row) for row in reversed(rows)]

    def last_alarms(self, limit: int) -> list[tuple[Check, float]]:
        """The last alarms, at most `limit`, in order of their record, and when they were recorded (epoch, s)."""
        rows = self._db.rows(
            "SELECT device, job, counter, expected, got, worker, recorded_at FROM checks "
            "JOIN bursts USING (device, job) WHERE expected != got ORDER BY recorded_at DESC LIMIT ?",
            limit,
        )
        return [(Check(*row), recorded_at) for *row, recorded_at in reversed(rows)]


def _first(bursts: Sequence[tuple[int, str, str]], frames: int) -> list[tuple[str, str]]:
    """The devices and jobs of the first bursts, up to the one with which they have so many frames or more."""
    chosen: list[tuple[str, str]] = []
    for of_burst, device, job in bursts:
        if frames <= 0:
            break
        chosen.append((device, job))
        frames -= of_burst
    return chosen
