"""The device's outbox: encrypted frames on disk until their labels arrive.

An entry is a burst: the frames, one or more, that share a ciphertext. They are accepted, sent,
answered, parked and dropped together, each in one transaction. It is the only queue that
correctness depends on, so what `add` accepted must survive a killed process and a power cut
(`common.service.database`). Frames are stored as ciphertexts only.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from common.errors import OutboxError, OutboxFullError
from common.publishing.events import Event
from common.publishing.outgoing import Outgoing, Target
from common.readings.reader import NOTHING_TAKEN, Taken, Tracks
from common.readings.storage import TRACKS, add_taken, as_tracks
from common.service.database import Database
from edge.outbox.entries import Answer, Counts, Entry, Pending
from edge.outbox.outbox_file import AT_ONCE, NOTHING_TO_WRITE, OUTBOX, decode_frames, encode_frames

#: The name of the outbox's file in a device's state folder.
FILE = "outbox.sqlite"
#: Answers that are kept: the latest ones, and beyond them those that aren't written out yet.
KEPT_ANSWERS = 10_000

#: The query for the capture counter that is given next.
_NEXT_COUNTER = "SELECT value FROM totals WHERE name = 'next_counter'"
#: The columns of a `Pending` and of an `Answer`.
_PENDING = ", ".join(field.name for field in fields(Pending))
_ANSWER = ", ".join(field.name for field in fields(Answer))
#: The condition of an entry that keeps later ones waiting, or that `latest` drops: pending, and never a dead letter.
#: An entry that was retried comes out of order anyway, and someone wants it.
_IN_ORDER = "state = 'pending' AND retries = 0"


class Outbox:
    """Entries, answers and counters in one SQLite file; safe to use from many threads.

    `max_bytes` bounds the ciphertexts of pending and parked entries together; the file is larger by
    a few MB, and by what waits in `outgoing` to be published to `targets`. Every method raises `OutboxError`
    when the file can't be read or written, and `OutboxFullError` when the disk is full; nothing has changed then.
    """

    def __init__(self, path: Path, max_bytes: int, targets: Sequence[Target] = ()) -> None:
        self._path, self._max_bytes = path, max_bytes
        self._db = Database(path, OUTBOX)
        self.outgoing = Outgoing(self._db, targets)

    def close(self) -> None:
        """Close the file; no method may be called afterwards."""
        self._db.close()

    def next_counter(self, frames: int = 1) -> int:
        """The first of so many capture counters; each is given once, from 0 on."""
        with self._db.transaction() as db:
            counter = self._counter(db.execute(_NEXT_COUNTER).fetchall())
            count(db, "next_counter", frames)
        return counter

    def upcoming_counter(self) -> int:
        """The counter that `next_counter` gives next."""
        return self._counter(self._db.rows(_NEXT_COUNTER))

    def _counter(self, rows: Sequence[tuple[Any, ...]]) -> int:
        """The counter in the rows of a query. A file that is opened has one, but a trigger in it may change it."""
        if len(rows) != 1 or not isinstance(rows[0][0], int):
            raise OutboxError(
                f"the outbox {self._path} holds no counter any more; move it away, and let nobody write it"
            )
        return int(rows[0][0])

    def add(self, entry: Entry) -> None:
        """Accept an entry, all its frames at once; when this returns, it is on disk. Raises `OutboxFullError`."""
        size, frames = len(entry.ciphertext), len(entry.frames)
        values = {**vars(entry), "frames": encode_frames(entry.frames), "frame_count": frames, "size": size}
        with self._db.transaction() as db:
            size_now, parked = db.execute(
                "SELECT total(size), total(size) FILTER (WHERE state = 'parked') FROM entries"
            ).fetchone()
            if size_now + size > self._max_bytes:
                letters = f"; {int(parked):,} are dead letters: blindsight device outbox list" if parked else ""
                raise OutboxFullError(
                    f"the outbox {self._path} holds {int(size_now):,} bytes, so {size:,} more exceed its bound of "
                    f"{self._max_bytes:,}; wait for labels, or raise the bound{letters}"
                )
            try:
                marks = ", ".join(f":{name}" for name in values)
                db.execute(f"INSERT INTO entries ({', '.join(values)}) VALUES ({marks})", values)
            except sqlite3.IntegrityError as error:
                raise OutboxError(
                    f"the outbox {self._path} refuses job {entry.job!r}, counter {entry.counter} ({error}); "
                    "take each counter from next_counter, and use it once"
                ) from error
            count(db, "accepted", frames)

    def due(self, now: float, limit: int) -> list[Pending]:
        """At most `limit` pending entries whose next attempt is due, in order of capture."""
        where = "state = 'pending' AND next_attempt_at <= ? ORDER BY counter LIMIT ?"
        return [_pending(row) for row in self._db.rows(f"SELECT {_PENDING} FROM entries WHERE {where}", now, limit)]

    def oldest_captured_at(self) -> float | None:
        """When the pending frame of the lowest counter was captured (epoch, s); None when none is pending."""
        rows = self._db.rows("SELECT frames FROM entries WHERE state = 'pending' ORDER BY counter LIMIT 1")
        return decode_frames(rows[0][0])[0].captured_at if rows else None

    def overdue(self, before: float, limit: int) -> list[str]:
        """Of the first `limit` pending entries, in order of capture, the jobs that wait since before a time (epoch, s).

        Entries that were retried and aren't overdue don't count towards `limit`: they may be the first ones for long.
        """
        where = "state = 'pending' AND (retries = 0 OR first_sent_at < ?) ORDER BY counter LIMIT ?"
        rows = self._db.rows(f"SELECT job, frames, retries FROM entries WHERE {where}", before, limit)
        return [job for job, frames, retries in rows if retries or decode_frames(frames)[0].captured_at < before]

    def users(self) -> set[tuple[str, str]]:
        """The key sets and plans of all entries, pending or parked, which need them."""
        return {(key_set, plan) for key_set, plan in self._db.rows("SELECT DISTINCT key_set, plan FROM entries")}

    def parked_by_reason(self) -> dict[str, int]:
        """The number of frames that are parked, for each reason."""
        where = "WHERE state = 'parked' GROUP BY reason"
        return dict(self._db.rows(f"SELECT reason, sum(frame_count) FROM entries {where}"))

    def last_parked(self) -> tuple[str, str, float] | None:
        """The dead letter that was parked last: its job, the reason, and when (epoch, s)."""
        columns = "job, coalesce(reason, ''), coalesce(parked_at, 0)"
        where = "WHERE state = 'parked' ORDER BY parked_at DESC LIMIT 1"
        rows = self._db.rows(f"SELECT {columns} FROM entries {where}")
        return rows[0] if rows else None

    def get(self, job: str) -> Pending | None:
        """The pending entry of a job; None when there is none."""
        rows = self._db.rows(f"SELECT {_PENDING} FROM entries WHERE job = ? AND state = 'pending'", job)
        return _pending(rows[0]) if rows else None

    def sent(self, job: str, now: float, next_attempt_at: float) -> None:
        """Record an attempt, and when the next one is due (epoch, s); nothing when the job isn't pending any more."""
        with self._db.transaction() as db:
            db.execute(
                "UPDATE entries SET attempts = attempts + 1, first_sent_at = coalesce(first_sent_at, ?), sent_at = ?, "
                "next_attempt_at = ? WHERE job = ? AND state = 'pending'",
                (now, now, next_attempt_at, job),
            )

    def defer(self, job: str, next_attempt_at: float) -> None:
        """Set when the next attempt is due (epoch, s); does nothing when the job isn't pending any more."""
        with self._db.transaction() as db:
            where = "job = ? AND state = 'pending'"
            db.execute(f"UPDATE entries SET next_attempt_at = ? WHERE {where}", (next_attempt_at, job))

    def defer_plan(self, plan: str, next_attempt_at: float) -> None:
        """Set when the next attempt is due (epoch, s) for all pending entries of a plan that would be due earlier."""
        with self._db.transaction() as db:
            where = "state = 'pending' AND plan = ? AND next_attempt_at < ?"
            db.execute(
                f"UPDATE entries SET next_attempt_at = ? WHERE {where}", (next_attempt_at, plan, next_attempt_at)
            )

    def all_due(self) -> None:
        """Make every pending entry due now, whatever an earlier run or connection had planned."""
        with self._db.transaction() as db:
            where = "state = 'pending' AND next_attempt_at > ?"
            db.execute(f"UPDATE entries SET next_attempt_at = ? WHERE {where}", (AT_ONCE, AT_ONCE))

    def answer(
        self,
        job: str,
        labels: Sequence[tuple[int, bytes]],
        now: float,
        alarms: int = 0,
        events: Sequence[Event] = (),
        taken: Taken = NOTHING_TAKEN,
    ) -> bool:
        """Replace a pending entry by its frames' answers, each a label and details, in order of capture; count alarms.

        `events` are to be published from then on, and so are the readings of `taken`, what reading the picture gave.
        False when the job isn't pending, so that labels count once.
        """
        with self._db.transaction() as db:
            query = "SELECT counter, frames FROM entries WHERE job = ? AND state = 'pending'"
            row = db.execute(query, (job,)).fetchone()
            if row is None:
                return False
            _forget_answers(db)
            db.execute("DELETE FROM entries WHERE job = ?", (job,))
            rows = [
                (job, counter, frame.source, label, now, details, details == NOTHING_TO_WRITE)
                for counter, (frame, (label, details)) in enumerate(
                    zip(decode_frames(row[1]), labels, strict=True), start=row[0]
                )
            ]
            db.executemany(f"INSERT INTO answers ({_ANSWER}, written) VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            count(db, "answered", len(rows))
            count(db, "alarms", alarms)
            add_taken(db, taken, now)
            self.outgoing.add(db, [*events, *taken.readings])
        return True

    def tracks(self, device: str) -> Tracks:
        """What is known of the device's readings."""
        return as_tracks(self._db.rows(TRACKS, device))

    def answers(self) -> list[Answer]:
        """The answers, in order of capture; at least the last 10,000 are kept."""
        return [Answer(*row) for row in self._db.rows(f"SELECT {_ANSWER} FROM answers ORDER BY counter")]

    def unwritten(self, limit: int) -> list[tuple[int, bytes]]:
        """The ids and details of at most `limit` answers that are to be written out next, in order of capture.

        An answer waits until every earlier frame is answered, or parked, or was parked before and retried.
        """
        first = f"SELECT min(counter) FROM entries WHERE {_IN_ORDER}"
        where = f"written = 0 AND counter < coalesce(({first}), 9e18) ORDER BY counter LIMIT ?"
        return self._db.rows(f"SELECT id, details FROM answers WHERE {where}", limit)

    def doubtful(self) -> list[tuple[int, bytes]]:
        """The ids and details, in order of capture, of answers that an earlier version may have written out or not."""
        return self._db.rows("SELECT id, details FROM answers WHERE written IS NULL ORDER BY counter")

    def mark(self, ids: Iterable[int], *, written: bool = True) -> None:
        """Record that answers are written out, or are still to be."""
        with self._db.transaction() as db:
            db.executemany("UPDATE answers SET written = ? WHERE id = ?", ((written, each) for each in ids))

    def park(self, job: str, reason: str, detail: str, now: float) -> bool:
        """Dead-letter a pending entry; False when it isn't pending. Its ciphertext stays."""
        with self._db.transaction() as db:
            change = db.execute(
                "UPDATE entries SET state = 'parked', reason = ?, detail = ?, parked_at = ? "
                "WHERE job = ? AND state = 'pending'",
                (reason, detail, now, job),
            )
            return change.rowcount == 1

    def drop_unsent(self, keep: int = 1) -> int:
        """Drop pending entries that were never sent, except the newest `keep`; returns the number of frames."""
        unsent = f"{_IN_ORDER} AND attempts = 0"
        newest = f"SELECT counter FROM entries WHERE {unsent} ORDER BY counter DESC LIMIT ?"
        old = f"{unsent} AND counter NOT IN ({newest})"
        with self._db.transaction() as db:
            ((frames,),) = db.execute(f"SELECT coalesce(sum(frame_count), 0) FROM entries WHERE {old}", (keep,))
            db.execute(f"DELETE FROM entries WHERE {old}", (keep,))
            count(db, "dropped", frames)
            return int(frames)

    def counts(self) -> Counts:
        """The totals since the file was made, and the numbers of what it holds now."""
        total = "coalesce((SELECT value FROM totals WHERE name = '{}'), 0)"
        sums = "coalesce(sum(frame_count) FILTER (WHERE state = '{}'), 0)"
        ((accepted, answered, dropped, alarms, pending, parked, size),) = self._db.rows(
            f"SELECT {total.format('accepted')}, {total.format('answered')}, {total.format('dropped')}, "
            f"{total.format('alarms')}, {sums.format('pending')}, {sums.format('parked')}, total(size) FROM entries"
        )
        return Counts(accepted, pending, answered, parked, dropped, int(size), alarms)


def _pending(row: tuple[Any, ...]) -> Pending:
    job, counter, frames, *rest = row
    return Pending(job, counter, decode_frames(frames), *rest)


def _forget_answers(db: sqlite3.Connection) -> None:
    """Delete old answers that are written out, and old readings."""
    db.execute("DELETE FROM readings WHERE number <= (SELECT max(number) FROM readings) - ?", (KEPT_ANSWERS,))
    db.execute(
        "DELETE FROM answers WHERE written = 1 AND id <= (SELECT max(id) FROM answers) - ?",
        (KEPT_ANSWERS,),
    )


def count(db: sqlite3.Connection, name: str, number: int) -> None:
    """Add to a total, within a transaction."""
    db.execute(
        "INSERT INTO totals VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
        (name, number),
    )
