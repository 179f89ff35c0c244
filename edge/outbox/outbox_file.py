"""The outbox's SQLite file: its tables, and how those of earlier versions become them."""

import sqlite3

import msgspec

from common.errors import OutboxError, OutboxFullError
from common.service.database import DatabaseKind

#: The `next_attempt_at` of what is due whatever the clock says. SQLite keeps whole numbers in fewer bytes, and a row
#: whose length changes is written anew with its ciphertext: for 500 entries of 400 KB that took 2.9 s, not 0.1 s.
AT_ONCE = -1e-9
#: An answer's `details` where no line is to be written for it.
NOTHING_TO_WRITE = b""

# The ciphertext comes last: SQLite reads a row from its start, and blobs fill pages of their own.
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
_WRITTEN_INDEXES = (
    "CREATE INDEX answers_to_write ON answers (counter) WHERE written = 0",
    "CREATE INDEX answers_written ON answers (written, id)",
)
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
)

#: Columns that entries have had since schema 1, when each was one frame.
_UNCHANGED = (
    "job, counter, encrypt_ms, key_set, plan, state, attempts, next_attempt_at, first_sent_at, sent_at, parked_at, "
    "reason, detail, size, ciphertext"
)
#: What earlier schemas have in place of frame_count and frames.
_FRAMES_IN = {1: "1, encode_frame(source, captured_at)", 2: "frame_count, frames"}
#: What schemas before 4 wrote out at once, unless a crash came between: all before the first pending frame.
_WRITTEN = (
    "ALTER TABLE answers ADD COLUMN written INTEGER",
    "UPDATE answers SET written = 0 WHERE counter > "
    "(SELECT min(counter) FROM entries WHERE state = 'pending' AND retries = 0)",
    "UPDATE answers SET written = 1 WHERE details = x''",
    *_WRITTEN_INDEXES,
)


class CapturedFrame(msgspec.Struct, frozen=True, array_like=True):
    """Where a frame is from, and when it was captured (epoch, s); for a known answer, its label's index."""

    source: str
    captured_at: float
    expected: int | None = None


def encode_frames(frames: tuple[CapturedFrame, ...]) -> bytes:
    """An entry's frames as they stand in its row."""
    return msgspec.msgpack.encode(frames)


def decode_frames(data: bytes) -> tuple[CapturedFrame, ...]:
    """The frames in an entry's row. Raises `OutboxError` where the row is damaged."""
    try:
        frames = msgspec.msgpack.decode(data, type=tuple[CapturedFrame, ...])
    except (ValueError, TypeError, RecursionError) as error:  # msgspec's are a kind of ValueError; it may be no BLOB
        raise OutboxError(f"the frames of an entry of the outbox can't be read: {error}") from error
    if not frames:
        raise OutboxError("the frames of an entry of the outbox can't be read: there are none")
    return frames


def _upgrade(db: sqlite3.Connection, version: int) -> None:
    statements: tuple[str, ...] = _WRITTEN
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
        )
    for statement in statements:
        db.execute(statement)


OUTBOX = DatabaseKind(
    name="outbox",
    contents="frames",
    application_id=0x426C6E64,
    version=4,
    schema=_SCHEMA,
    upgrade=_upgrade,
    error=OutboxError,
    full_error=OutboxFullError,
    always=("SELECT count(*) = 1 FROM totals WHERE name = 'next_counter' AND value >= 0",),
)
