"""The outbox's SQLite file: made, checked, opened, and its errors put into words."""

import os
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from common.errors import OutboxError, OutboxFullError

#: Written to the file's header, so that another program's database isn't taken for an outbox.
APPLICATION_ID = 0x426C6E64
SCHEMA_VERSION = 2

# The ciphertext comes last: SQLite reads a row from its start, and blobs fill pages of their own.
_ENTRIES = (
    """CREATE TABLE entries (
        job TEXT PRIMARY KEY,
        counter INTEGER NOT NULL UNIQUE,
        frame_count INTEGER NOT NULL,
        frames BLOB NOT NULL,
        encrypt_ms REAL NOT NULL,
        key_set TEXT NOT NULL,
        plan TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'parked')),
        attempts INTEGER NOT NULL DEFAULT 0,
        next_attempt_at REAL NOT NULL DEFAULT 0,
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
_SCHEMA = (
    *_ENTRIES,
    # `id` orders answers by arrival and only grows, so that the oldest ones can be forgotten.
    """CREATE TABLE answers (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        job TEXT NOT NULL,
        counter INTEGER NOT NULL,
        source TEXT NOT NULL,
        label INTEGER NOT NULL,
        answered_at REAL NOT NULL,
        details BLOB NOT NULL
    )""",
    "CREATE INDEX answers_by_counter ON answers (counter)",
    "CREATE TABLE totals (name TEXT PRIMARY KEY, value INTEGER NOT NULL)",
    "INSERT INTO totals VALUES ('next_counter', 0), ('accepted', 0), ('answered', 0), ('dropped', 0)",
)

#: Columns that entries have had since schema 1, when each was one frame.
_UNCHANGED = (
    "job, counter, encrypt_ms, key_set, plan, state, attempts, next_attempt_at, first_sent_at, sent_at, parked_at, "
    "reason, detail, size, ciphertext"
)
_FROM_SCHEMA_1 = (
    "ALTER TABLE entries RENAME TO entries_1",
    "DROP INDEX entries_by_state",
    *_ENTRIES,
    f"INSERT INTO entries (frame_count, frames, {_UNCHANGED}) "
    f"SELECT 1, encode_frame(source, captured_at), {_UNCHANGED} FROM entries_1",
    "DROP TABLE entries_1",
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
        return msgspec.msgpack.decode(data, type=tuple[CapturedFrame, ...])
    except (msgspec.DecodeError, ValueError) as error:
        raise OutboxError(f"the frames of an entry of the outbox can't be read: {error}") from error


def open_database(path: Path) -> sqlite3.Connection:
    """A checked connection that any thread may use, one at a time; makes the file when it is missing.

    Raises `OutboxError` when the file can't be opened, is damaged, isn't an outbox, or is one of a
    newer version.
    """
    try:
        # Only its owner may read it; SQLite gives its log files the same mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise OutboxError(f"the outbox {path} can't be opened: {error.strerror}; check its folder") from error
    with explain(path):
        db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        try:
            _prepare(db, path)
        except BaseException:
            db.close()
            raise
    return db


@contextmanager
def explain(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into `OutboxError` or `OutboxFullError`."""
    try:
        yield
    except sqlite3.Error as error:
        # The low byte is the kind of error, the others say more. Errors of the Python module have none.
        kind = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if kind == sqlite3.SQLITE_FULL:
            raise OutboxFullError(f"the disk that holds the outbox {path} is full; free some space") from error
        if kind in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise _damaged(path, str(error)) from error
        raise OutboxError(f"the outbox {path} can't be used: {error}") from error


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    (finding,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if finding != "ok":
        raise _damaged(path, finding)
    db.execute("BEGIN IMMEDIATE")  # two processes may come here at once
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if (application, version, tables) == (0, 0, 0):
        for statement in (*_SCHEMA, f"PRAGMA application_id = {APPLICATION_ID}"):
            db.execute(statement)
    elif application != APPLICATION_ID:
        raise OutboxError(f"the outbox {path} is another program's database; give another file")
    elif version > SCHEMA_VERSION:
        raise OutboxError(
            f"the outbox {path} has schema {version}, and this version of Blindsight knows only up to "
            f"{SCHEMA_VERSION}; update Blindsight"
        )
    elif version < SCHEMA_VERSION:
        db.create_function("encode_frame", 2, lambda source, at: encode_frames((CapturedFrame(source, at),)))
        for statement in _FROM_SCHEMA_1:
            db.execute(statement)
    if version != SCHEMA_VERSION:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    db.execute("COMMIT")


def _damaged(path: Path, finding: str) -> OutboxError:
    # The star takes the log files along: left behind, they would spoil the new database.
    aside = shlex.quote(str(path.with_name(f"damaged-{path.name}")))
    return OutboxError(
        f"the outbox {path} is damaged or not a database ({' '.join(finding.split())}). Moving it away starts an "
        f"empty one, without the frames in it: mkdir {aside} && mv {shlex.quote(str(path))}* {aside}"
    )
