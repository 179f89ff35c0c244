"""The outbox's SQLite file: its tables, and how a file of an earlier version is converted."""

import sqlite3

import msgspec

from common.errors import OutboxError, OutboxFullError
from common.publishing.announced import ANNOUNCED
from common.publishing.outgoing import OUTGOING
from common.readings.storage import READINGS
from common.service.database import DatabaseKind
from common.structs import learn

#: The `next_attempt_at` (epoch, s) of an entry that is due whatever the clock says. It isn't 0: SQLite stores whole
#: numbers in fewer bytes, and writes a row whose length changes anew, with its ciphertext. For 500 entries of 400 KB
#: that took 2.9 s, not 0.1 s.
AT_ONCE = -1e-9
#: The `details` of an answer for which no line is to be written.
NOTHING_TO_WRITE = b""

#: The table of entries, with the ciphertext last: SQLite reads a row from its start, and blobs have pages of their own.
_ENTRIES = (
    f"""CREATE TABLE entries (
        job TEXT PRIMARY KEY,
        counter INTEGER NOT NULL UNIQUE,
        frame_count INTEGER NOT NULL,
        frames BLOB NOT NULL,
        encrypt_ms REAL NOT NULL,
        key_set TEXT NOT NULL,
        plan TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'parked')),
        attempts INTEGER NOT NULL DEFAULT 0,
        retries INTEGER NOT NULL DEFAULT 0,
        next_attempt_at REAL NOT NULL DEFAULT {AT_ONCE},
        first_sent_at REAL,
        sent_at REAL,
        parked_at REAL,
        reason TEXT,
        detail TEXT,
        size INTEGER NOT NULL,
        ciphertext BLOB NOT NULL
    )""",
    "CREATE INDEX entries_by_state ON entries (state, next_attempt_at, frame_count, size)",
)
#: The indexes that schema 4 added.
_WRITTEN_INDEXES = (
    "CREATE INDEX answers_to_write ON answers (counter) WHERE written = 0",
    "CREATE INDEX answers_written ON answers (written, id)",
)
#: The statements that make an empty outbox.
_SCHEMA = (
    *_ENTRIES,
    # `id` orders answers by arrival and only grows, so that the oldest ones can be forgotten. `written` says whether
    # the results file has its line, or it needs none; NULL where a version before schema 4 didn't remember.
    """CREATE TABLE answers (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        job TEXT NOT NULL,
        counter INTEGER NOT NULL,
        source TEXT NOT NULL,
        label INTEGER NOT NULL,
        answered_at REAL NOT NULL,
        details BLOB NOT NULL,
        written INTEGER
    )""",
    "CREATE INDEX answers_by_counter ON answers (counter)",
    *_WRITTEN_INDEXES,
    "CREATE TABLE totals (name TEXT PRIMARY KEY, value INTEGER NOT NULL)",
    "INSERT INTO totals VALUES ('next_counter', 0), ('accepted', 0), ('answered', 0), ('dropped', 0)",
    *OUTGOING,
    *READINGS,
    *ANNOUNCED,
)

#: The columns that entries have had since schema 1.
_UNCHANGED = (
    "job, counter, encrypt_ms, key_set, plan, state, attempts, next_attempt_at, first_sent_at, sent_at, parked_at, "
    "reason, detail, size, ciphertext"
)
#: The SQL that gives `frame_count` and `frames`, by the earlier schema that has other columns for them.
_FRAMES_IN = {1: "1, encode_frame(source, captured_at)", 2: "frame_count, frames"}
#: The statements that add `written` to an earlier outbox. Its answers were written out at once, unless a crash came in
#: between, and unless an earlier frame was pending.
_WRITTEN = (
    "ALTER TABLE answers ADD COLUMN written INTEGER",
    "UPDATE answers SET written = 0 WHERE counter > "
    "(SELECT min(counter) FROM entries WHERE state = 'pending' AND retries = 0)",
    "UPDATE answers SET written = 1 WHERE details = x''",
    *_WRITTEN_INDEXES,
)


class CapturedFrame(msgspec.Struct, frozen=True, array_like=True):
    """The source of a frame, and when it was captured (epoch, s); `expected` is the label's index of a known answer."""

    source: str
    captured_at: float
    expected: int | None = None


learn(CapturedFrame)


def encode_frames(frames: tuple[CapturedFrame, ...]) -> bytes:
    """An entry's frames as they stand in its row."""
    return msgspec.msgpack.encode(frames)


def decode_frames(data: bytes) -> tuple[CapturedFrame, ...]:
    """The frames in an entry's row. Raises `OutboxError` where the row is damaged."""
    try:
        frames = msgspec.msgpack.decode(data, type=tuple[CapturedFrame, ...])
    except (ValueError, TypeError, RecursionError) as error:  # ValueError: msgspec's; TypeError: it is no BLOB
        raise OutboxError(f"the frames of an entry of the outbox can't be read: {error}") from error
    if not frames:
        raise OutboxError("the frames of an entry of the outbox can't be read: there are none")
    return frames


def _upgrade(db: sqlite3.Connection, version: int) -> None:
    statements: tuple[str, ...] = (*_WRITTEN, *OUTGOING) if version == 3 else OUTGOING if version == 4 else ()
    if version in _FRAMES_IN:
        db.create_function("encode_frame", 2, lambda source, at: encode_frames((CapturedFrame(source, at),)))
        statements = (
            "ALTER TABLE entries RENAME TO earlier",
            "DROP INDEX entries_by_state",
            *_ENTRIES,
            f"INSERT INTO entries (frame_count, frames, {_UNCHANGED}) "
            f"SELECT {_FRAMES_IN[version]}, {_UNCHANGED} FROM earlier",
            "DROP TABLE earlier",
            *_WRITTEN,
            *OUTGOING,
        )
    for statement in (*statements, *(READINGS if version < 6 else ()), *ANNOUNCED):
        db.execute(statement)


OUTBOX = DatabaseKind(
    name="outbox",
    contents="frames",
    application_id=0x426C6E64,
    version=7,
    schema=_SCHEMA,
    upgrade=_upgrade,
    error=OutboxError,
    full_error=OutboxFullError,
    always=("SELECT count(*) = 1 FROM totals WHERE name = 'next_counter' AND value >= 0",),
)
