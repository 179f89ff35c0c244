"""SQLite files that no crash harms: how they are made, checked and opened, and what their errors mean.

SQLite's write-ahead log with synchronous=FULL syncs the log before a commit returns; NORMAL would
be faster, but may lose the last commits with the power. What a file from elsewhere may hold is checked
when it is opened (`common.service.database_check`).
"""

import os
import shlex
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import BlindsightError
from common.service.database_check import find_damage, limit


@dataclass(frozen=True)
class DatabaseKind:
    """What a file is for and how it is made; `contents` names what is lost with it.

    `application_id` is written to the file's header, so that another program's database isn't taken
    for one of this kind. `upgrade` converts a file of an earlier version, from 1 on, to this one. `always` are queries
    that give 1 as long as the file is whole.
    """

    name: str
    contents: str
    application_id: int
    version: int
    schema: tuple[str, ...]
    upgrade: Callable[[sqlite3.Connection, int], None]
    error: type[BlindsightError]
    full_error: type[BlindsightError]
    always: tuple[str, ...] = ()


class Database:
    """A checked connection that any thread may use, one at a time; makes the file when it is missing.

    Every method raises `kind.error` when the file can't be opened, read or written, is damaged, isn't
    of this kind, or is one of a newer version; and `kind.full_error` when the disk is full.
    """

    def __init__(self, path: Path, kind: DatabaseKind) -> None:
        self._path, self._kind = path, kind
        self._lock = threading.Lock()
        self._db = _open(path, kind)

    def close(self) -> None:
        """Close the file; no method may be called afterwards."""
        with self._lock:
            self._db.close()

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self._lock, _explain(self._path, self._kind):
            return self._db.execute(query, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, on disk at the end."""
        with self._lock, _explain(self._path, self._kind):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # SQLite itself has rolled back when the disk is full
                    self._db.execute("ROLLBACK")
                raise


@contextmanager
def reading(path: Path, kind: DatabaseKind) -> Iterator[sqlite3.Connection]:
    """A connection that only reads, while another process may write; raises as `Database` does, in the block too.

    The file must be there, and of this version: nothing is upgraded while an earlier version may use it.
    """
    with _explain(path, kind):
        if not path.exists():
            raise kind.error(f"there is no {kind.name} {path}; check its folder")
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        try:
            (application,) = db.execute("PRAGMA application_id").fetchone()
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if application != kind.application_id:
                raise kind.error(f"the {kind.name} {path} is another program's database; give another file")
            if version != kind.version:
                raise kind.error(
                    f"the {kind.name} {path} has schema {version}, and this reads {kind.version}; use the version of "
                    "Blindsight that writes it, or start this one on it, which converts an earlier schema"
                )
            yield db
        finally:
            db.close()


def _open(path: Path, kind: DatabaseKind) -> sqlite3.Connection:
    try:
        # Only its owner may read it; SQLite gives its log files the same mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise kind.error(f"the {kind.name} {path} can't be opened: {error.strerror}; check its folder") from error
    with _explain(path, kind):
        db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        try:
            _prepare(db, path, kind)
        except BaseException:
            db.close()
            raise
    return db


@contextmanager
def _explain(path: Path, kind: DatabaseKind) -> Iterator[None]:
    """Turn SQLite's errors into the kind's."""
    try:
        yield
    except sqlite3.Error as error:
        # The low byte is the kind of error, the others say more. Errors of the Python module have none.
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            raise kind.full_error(f"the disk that holds the {kind.name} {path} is full; free some space") from error
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise _damaged(path, kind, str(error)) from error
        if code == sqlite3.SQLITE_BUSY:
            raise kind.error(f"the {kind.name} {path} is locked by another process; end that, or try again") from error
        raise kind.error(f"the {kind.name} {path} can't be used: {error}") from error
    except (UnicodeDecodeError, OverflowError) as error:  # of a text in it, or in SQLite's message; of a number
        raise _damaged(path, kind, str(error)) from error


def _prepare(db: sqlite3.Connection, path: Path, kind: DatabaseKind) -> None:
    limit(db)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    (finding,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if finding != "ok":
        raise _damaged(path, kind, finding)
    db.execute("BEGIN IMMEDIATE")  # two processes may come here at once
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if (application, version, tables) == (0, 0, 0):
        for statement in (*kind.schema, f"PRAGMA application_id = {kind.application_id}"):
            db.execute(statement)
    elif application != kind.application_id:
        raise kind.error(f"the {kind.name} {path} is another program's database; give another file")
    elif version > kind.version:
        raise kind.error(
            f"the {kind.name} {path} has schema {version}, and this version of Blindsight knows only up to "
            f"{kind.version}; update Blindsight"
        )
    elif version < 1:
        raise _damaged(path, kind, f"it has schema {version}, which no version of Blindsight wrote")
    elif version < kind.version:
        kind.upgrade(db, version)
    if version != kind.version:
        db.execute(f"PRAGMA user_version = {kind.version}")
    if (damage := find_damage(db, kind.schema, kind.always)) is not None:
        raise _damaged(path, kind, damage)
    db.execute("COMMIT")


def _damaged(path: Path, kind: DatabaseKind, finding: str) -> BlindsightError:
    # The star takes the log files along: left behind, they would spoil the new database.
    aside = shlex.quote(str(path.with_name(f"damaged-{path.name}")))
    return kind.error(
        f"the {kind.name} {path} is damaged or not a database ({' '.join(finding.split())}). Moving it away starts an "
        f"empty one, without the {kind.contents} in it: mkdir {aside} && mv {shlex.quote(str(path))}* {aside}"
    )
