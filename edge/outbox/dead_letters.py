"""What people do with an outbox's entries: show, retry, drop and export them.

This opens the outbox's file next to the device, which may run meanwhile: each change is a short
transaction, and the device finds a retried entry when it next looks for due ones.

An export is a new folder with a JSON line per dead letter in `dead-letters.jsonl` (`DeadLetter`),
and for each its burst as `<job>.ciphertext`: the wire form of `common.ckks.ciphertext`, which only the
holder of the key set can decrypt. No frame, label or key is in it.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import msgspec

from common.errors import ConfigurationError, OutboxError
from common.service.database import Database
from common.wire.messages import Reason
from edge.outbox.outbox import FILE, count
from edge.outbox.outbox_file import AT_ONCE, OUTBOX, CapturedFrame, decode_frames

#: The name of an export's file of JSON lines.
LINES = "dead-letters.jsonl"
#: Seconds between two changes, in which a device that waits for the file gets its turn.
_TURN = 0.002
#: The columns of an `EntrySummary`.
_COLUMNS = (
    "job, counter, frames, state, reason, detail, parked_at, attempts, retries, next_attempt_at, key_set, plan, size"
)


class EntrySummary(msgspec.Struct, frozen=True):
    """An entry without its ciphertext, whose size in bytes is `size`. Times are seconds since the epoch.

    Only a dead letter has a reason, a detail and `parked_at`.
    """

    job: str
    counter: int
    frames: tuple[CapturedFrame, ...]
    state: Literal["pending", "parked"]
    reason: str | None
    detail: str | None
    parked_at: float | None
    attempts: int
    retries: int
    next_attempt_at: float
    key_set: str
    plan: str
    size: int


@dataclass(frozen=True)
class Selection:
    """A choice of dead letters: those of these jobs, all of them, or all that were parked for a reason."""

    jobs: tuple[str, ...] = ()
    everything: bool = False
    reason: str | None = None


class DeadLetter(msgspec.Struct, frozen=True):
    """A line of an export. Times are seconds since the epoch; the frames have the counters from `counter` on."""

    job: str
    counter: int
    sources: tuple[str, ...]
    captured_at: tuple[float, ...]
    reason: str
    detail: str
    parked_at: float
    key_set: str
    plan: str
    file: str


def find_outbox(state: Path) -> Path:
    """The outbox in a device's state folder, or the only one in those of the devices below. Raises `OutboxError`."""
    if (state / FILE).is_file():
        return state / FILE
    below = sorted(path.parent for path in state.glob(f"*/{FILE}"))
    if len(below) == 1:
        return below[0] / FILE
    if below:
        raise OutboxError(
            f"{state} has the outboxes of {len(below)} devices; give the folder of one of them: --state {below[0]} "
            f"({', '.join(folder.name for folder in below)})"
        )
    raise OutboxError(f"{state} has no outbox ({FILE}); give the folder that the device has as --state")


class DeadLetters:
    """The entries of an outbox, next to its device.

    Every method raises `OutboxError` when the file can't be read or written, also when another
    process has locked it for seconds.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise OutboxError(f"there is no outbox {path}")
        self._path = path
        self._db = Database(path, OUTBOX)

    def close(self) -> None:
        """Close the file; no method may be called afterwards."""
        self._db.close()

    def entries(self) -> list[EntrySummary]:
        """All entries, in order of capture."""
        rows = self._db.rows(f"SELECT {_COLUMNS} FROM entries ORDER BY counter")
        return [EntrySummary(job, counter, decode_frames(frames), *rest) for job, counter, frames, *rest in rows]

    def parked(self) -> list[EntrySummary]:
        """The dead letters, in order of capture."""
        return [each for each in self.entries() if each.state == "parked"]

    def select(self, selection: Selection) -> list[EntrySummary]:
        """The dead letters of a selection. Raises `OutboxError` for a job that has none, and for an unknown reason."""
        parked = {each.job: each for each in self.parked()}
        if selection.jobs:
            for job in selection.jobs:
                if job not in parked:
                    raise OutboxError(f"{self._path} has no dead letter of job {job!r}; see: device outbox list")
            return [parked[job] for job in dict.fromkeys(selection.jobs)]
        if selection.reason is not None and selection.reason not in get_args(Reason):
            raise OutboxError(f"reason is {selection.reason!r}; give one of {', '.join(get_args(Reason))}")
        if selection.everything or selection.reason is not None:
            return [each for each in parked.values() if selection.reason in (None, each.reason)]
        raise OutboxError("which dead letters? give their jobs, --reason REASON, or --all")

    def retry(self, job: str) -> bool:
        """Make a dead letter pending and due at once, as if it was never sent; False when the job has none any more.

        Its deadline counts from the next time it is sent.
        """
        with self._db.transaction() as db:
            change = db.execute(
                "UPDATE entries SET state = 'pending', attempts = 0, retries = retries + 1, next_attempt_at = ?, "
                "first_sent_at = NULL, sent_at = NULL, parked_at = NULL, reason = NULL, detail = NULL "
                "WHERE job = ? AND state = 'parked'",
                (AT_ONCE, job),
            )
        time.sleep(_TURN)
        return change.rowcount == 1

    def drop(self, job: str) -> bool:
        """Delete a dead letter; its frames count as dropped. False when the job has none any more."""
        with self._db.transaction() as db:
            where = "job = ? AND state = 'parked'"
            frames = db.execute(f"SELECT frame_count FROM entries WHERE {where}", (job,)).fetchone()
            if frames is not None:
                db.execute(f"DELETE FROM entries WHERE {where}", (job,))
                count(db, "dropped", frames[0])
        time.sleep(_TURN)
        return frames is not None

    def export(self, letters: list[EntrySummary], folder: Path) -> None:
        """Write dead letters to a new folder; they stay in the outbox. Raises `ConfigurationError` when it can't."""
        try:
            folder.mkdir(parents=True, mode=0o700)
            with (folder / LINES).open("wb") as lines:
                for line, ciphertext in self.exported(letters):
                    (folder / line.file).write_bytes(ciphertext)
                    lines.write(msgspec.json.encode(line) + b"\n")
        except FileExistsError as error:
            raise ConfigurationError(f"{folder} is there already; give a new folder") from error
        except OSError as error:
            raise ConfigurationError(f"the export can't be written to {folder}: {error.strerror}") from error

    def exported(self, letters: Sequence[EntrySummary]) -> Iterator[tuple[DeadLetter, bytes]]:
        """The line of each dead letter and its ciphertext, read one after the other."""
        for each in letters:
            rows = self._db.rows("SELECT ciphertext FROM entries WHERE job = ?", each.job)
            if rows:  # it may have been dropped, or retried and answered, meanwhile
                yield _line(each), rows[0][0]


def _line(entry: EntrySummary) -> DeadLetter:
    return DeadLetter(
        job=entry.job,
        counter=entry.counter,
        sources=tuple(frame.source for frame in entry.frames),
        captured_at=tuple(frame.captured_at for frame in entry.frames),
        reason=entry.reason or "",
        detail=entry.detail or "",
        parked_at=entry.parked_at or 0.0,
        key_set=entry.key_set,
        plan=entry.plan,
        file=f"{entry.job}.ciphertext",
    )
