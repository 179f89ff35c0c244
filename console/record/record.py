"""The record of labels: each frame's once, in one SQLite file (`console.record.record_file`).

A crash doesn't harm the file.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import msgspec

from common.service.database import Database
from common.wire.messages import Receipt
from console.record.record_file import LABEL_COLUMNS, RECORD, Check, FrameLabel

__all__ = ["FILE", "TARGETS", "Check", "FrameLabel", "Record", "Target", "WaitingLabel"]

#: The name of the record's file in a console's state folder.
FILE = "labels.sqlite"
#: A target to which labels are forwarded.
Target = Literal["topic", "command"]
#: All such targets.
TARGETS: tuple[Target, ...] = get_args(Target)
#: Frames whose labels `forget` deletes at once, about.
_FORGET_FRAMES = 1000
#: Bursts among which `forget` looks for them.
_FORGET_BURSTS = 1000


@dataclass(frozen=True)
class WaitingLabel:
    """A label that is still to be forwarded; earlier ones have lower numbers."""

    number: int
    label: FrameLabel


class Record:
    """Labels that a site's console has read. Every method raises `RecordError` when the file can't be used.

    Labels that are added are to be forwarded to each of `targets`.
    """

    def __init__(self, path: Path, targets: Sequence[Target] = ()) -> None:
        self._targets = tuple(targets)
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
        rows = [(each.device, each.job, each.counter, each.label, each.lead, each.captured_at) for each in labels]
        due = [(target, each.device, each.job, each.counter) for each in labels for target in self._targets]
        with self._db.transaction() as db:
            db.execute(
                "INSERT INTO bursts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (device, receipt.job, plan, receipt.frames, *times),
            )
            db.executemany("INSERT INTO labels VALUES (?, ?, ?, ?, ?, ?)", rows)
            db.executemany("INSERT INTO checks VALUES (?, ?, ?, ?, ?, ?)", map(msgspec.structs.astuple, checks))
            db.executemany("INSERT INTO unforwarded (target, device, job, counter) VALUES (?, ?, ?, ?)", due)

    def unforwarded(self, target: Target, limit: int) -> list[WaitingLabel]:
        """The first labels, at most `limit`, that are still to be forwarded to a target, in order of their record."""
        rows = self._db.rows(
            f"SELECT number, {LABEL_COLUMNS} FROM unforwarded JOIN labels USING (device, job, counter) "
            "JOIN bursts USING (device, job) WHERE target = ? ORDER BY number LIMIT ?",
            target,
            limit,
        )
        return [WaitingLabel(number, FrameLabel(*row)) for number, *row in rows]

    def forwarded(self, numbers: Iterable[int]) -> None:
        """Record that these labels were forwarded; when this returns, that is on disk."""
        with self._db.transaction() as db:
            db.executemany("DELETE FROM unforwarded WHERE number = ?", [(number,) for number in numbers])

    def waiting(self, target: Target) -> int:
        """The number of labels that are still to be forwarded to a target."""
        ((count,),) = self._db.rows("SELECT count(*) FROM unforwarded WHERE target = ?", target)
        return int(count)

    def forget(self, before: float) -> int:
        """Delete a few of the oldest bursts recorded before a time (epoch, s); returns how many, 0 when none is left.

        Nothing is deleted from the first label on that is still to be forwarded.
        """
        with self._db.transaction() as db:
            # Labels are forwarded in order, so that what was recorded earlier than these is forwarded, unless the
            # clock went back meanwhile. Without this bound each look would pass by all that isn't.
            (kept_from,) = db.execute(
                "SELECT min(recorded_at) FROM bursts JOIN unforwarded USING (device, job) WHERE number IN ("
                + " UNION ALL ".join("SELECT min(number) FROM unforwarded WHERE target = ?" for _ in TARGETS)
                + ")",
                TARGETS,
            ).fetchone()
            oldest = db.execute(
                "SELECT frames, device, job FROM bursts WHERE recorded_at < ? AND NOT EXISTS (SELECT * FROM "
                "unforwarded WHERE (device, job) = (bursts.device, bursts.job)) ORDER BY recorded_at LIMIT ?",
                (before if kept_from is None else min(before, kept_from), _FORGET_BURSTS),
            ).fetchall()
            chosen = _first(oldest, _FORGET_FRAMES)
            for table in ("labels", "checks", "bursts"):
                db.executemany(f"DELETE FROM {table} WHERE device = ? AND job = ?", chosen)
        return len(chosen)

    def labels(self) -> list[FrameLabel]:
        """All labels, in order of their record."""
        rows = self._db.rows(
            f"SELECT {LABEL_COLUMNS} FROM labels JOIN bursts USING (device, job) ORDER BY bursts.rowid, counter"
        )
        return [FrameLabel(*row) for row in rows]

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


def _first(bursts: Sequence[tuple[int, str, str]], frames: int) -> list[tuple[str, str]]:
    """The devices and jobs of the first bursts, up to the one with which they have so many frames or more."""
    chosen: list[tuple[str, str]] = []
    for of_burst, device, job in bursts:
        if frames <= 0:
            break
        chosen.append((device, job))
        frames -= of_burst
    return chosen
