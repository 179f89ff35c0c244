"""The outbox's file is private, checked when it is opened, and never silently replaced."""

import re
import shlex
import sqlite3
import stat
import subprocess
from pathlib import Path

import msgspec
import pytest

from common.errors import OutboxError, OutboxFullError
from edge.outbox.dead_letters import DeadLetters
from edge.outbox.entries import Counts
from edge.outbox.outbox import Outbox
from edge.outbox.outbox_file import CapturedFrame, decode_frames
from tests.unit.edge.entries import add


def test_only_its_owner_can_read_it_and_its_logs(path: Path) -> None:
    outbox = Outbox(path, 1000)
    add(outbox)
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["outbox.sqlite", "outbox.sqlite-shm", "outbox.sqlite-wal"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    outbox.close()


def test_commits_reach_the_disk_before_they_return(path: Path) -> None:
    outbox = Outbox(path, 1000)
    assert outbox._db._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert outbox._db._db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    outbox.close()


def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    path.write_text("my shopping list\n" * 100)
    with pytest.raises(OutboxError, match="is damaged or not a database"):
        Outbox(path, 1000)
    assert path.read_text().startswith("my shopping list")


def damage(path: Path) -> None:
    outbox = Outbox(path, 10**6)
    for _ in range(20):
        add(outbox, 5000)
    outbox.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)


def test_a_damaged_file_is_refused_naming_it_and_what_is_lost(path: Path) -> None:
    damage(path)
    with pytest.raises(OutboxError, match=f"{re.escape(str(path))} is damaged .*without the frames in it"):
        Outbox(path, 10**6)


def test_the_command_it_names_starts_an_empty_one(path: Path) -> None:
    damage(path)
    with pytest.raises(OutboxError) as caught:
        Outbox(path, 10**6)
    command = str(caught.value).partition("without the frames in it: ")[2]
    assert shlex.split(command)[0] == "mkdir"
    subprocess.run(["sh", "-c", command], check=True)
    outbox = Outbox(path, 10**6)
    assert outbox.counts().accepted == 0
    outbox.close()


def test_damage_found_later_is_said_too(path: Path) -> None:
    outbox = Outbox(path, 10**6)
    add(outbox, 100_000)
    outbox._db._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    outbox._db._db.execute("PRAGMA shrink_memory")
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096 * 8)
    with pytest.raises(OutboxError, match="damaged"):
        outbox.counts()
    outbox.close()


def test_another_programs_database_is_refused(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE cookies (name TEXT)")
    db.close()
    with pytest.raises(OutboxError, match="another program's database"):
        Outbox(path, 1000)


def test_a_newer_schema_is_refused(path: Path) -> None:
    Outbox(path, 1000).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 8")
    db.close()
    with pytest.raises(OutboxError, match=r"has schema 8, .* update Blindsight"):
        Outbox(path, 1000)


#: The names of what made each later schema of the one before.
LATER = ("_SCHEMA_2", "_SCHEMA_3", "_SCHEMA_4")


@pytest.mark.parametrize("later", [LATER[:number] for number in range(4)], ids=["1", "2", "3", "4"])
def test_an_outbox_of_an_earlier_schema_keeps_its_entries(path: Path, later: tuple[str, ...]) -> None:
    with sqlite3.connect(path) as db:
        for statement in (*_SCHEMA_1, *(each for name in later for each in globals()[name])):
            db.execute(statement)
    db.close()
    outbox = Outbox(path, 1000)
    (pending,) = outbox.due(1e12, 10)
    assert (pending.job, pending.counter, pending.attempts, pending.ciphertext) == ("a", 4, 2, b"frame")
    assert pending.frames == (CapturedFrame("a.png", 1000.5),)
    letters = DeadLetters(path)
    (parked,) = letters.parked()
    letters.close()
    assert (parked.job, parked.frames, parked.reason) == ("b", (CapturedFrame("b.png", 1001.5),), "deadline")
    assert parked.retries == pending.retries == 0
    assert outbox.counts() == Counts(accepted=9, pending=1, answered=7, parked=1, dropped=0, bytes=10)
    assert [answer.label for answer in outbox.answers()] == [1, 2, 3, 6]
    # What came before the pending frame was written or not; what came after it wasn't; a known answer needs no line.
    assert [details for _, details in outbox.doubtful()] == [b"z"]
    assert outbox.unwritten(10) == []
    assert outbox.answer("a", [(5, b"a")], 0)
    assert [details for _, details in outbox.unwritten(10)] == [b"a", b"later"]
    outbox.close()
    again = Outbox(path, 1000)
    new = Outbox(path.with_name("new"), 1000)
    columns = "SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c ORDER BY m.name, c.name"
    assert again._db.rows(columns) == new._db.rows(columns)  # of indexes too
    again.close()
    new.close()


def test_an_outbox_of_the_schema_before_keeps_what_waits_to_be_sent(path: Path) -> None:
    Outbox(path, 1000).close()
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE announced")
        db.execute("INSERT INTO outgoing (target, body) VALUES ('mqtt', x'7b7d')")
        db.execute("PRAGMA user_version = 6")
    db.close()
    outbox = Outbox(path, 1000, ["mqtt"])
    assert outbox.outgoing.waiting("mqtt") == 1
    assert outbox.outgoing.announced.all() == []
    outbox.close()


_SCHEMA_1 = (
    """CREATE TABLE entries (
        job TEXT PRIMARY KEY,
        counter INTEGER NOT NULL UNIQUE,
        source TEXT NOT NULL,
        captured_at REAL NOT NULL,
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
    "CREATE INDEX entries_by_state ON entries (state, next_attempt_at, size)",
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
    "INSERT INTO totals VALUES ('next_counter', 9), ('accepted', 9), ('answered', 7), ('dropped', 0)",
    "INSERT INTO answers VALUES (1, 'x', 1, 'x.png', 1, 1000, x''), (2, 'z', 3, 'z.png', 3, 1000, CAST('z' AS BLOB)), "
    "(3, 'y', 2, 'y.png', 2, 1000, x''), (4, 'c', 6, 'c.png', 6, 1000, CAST('later' AS BLOB))",
    "INSERT INTO entries VALUES ('a', 4, 'a.png', 1000.5, 9, 'k', 'p', 'pending', 2, 0, 1, 1, NULL, NULL, NULL, 5, "
    "CAST('frame' AS BLOB))",
    "INSERT INTO entries VALUES ('b', 5, 'b.png', 1001.5, 9, 'k', 'p', 'parked', 1, 0, 1, 1, 2, 'deadline', '', 5, "
    "CAST('frame' AS BLOB))",
    "PRAGMA application_id = 1114402404",
    "PRAGMA user_version = 1",
)


#: What schema 2 made of that.
_SCHEMA_2 = (
    "ALTER TABLE entries DROP COLUMN source",
    "ALTER TABLE entries ADD COLUMN frames BLOB NOT NULL DEFAULT x''",
    "UPDATE entries SET frames = CASE job WHEN 'a' THEN x'9193A5612E706E67CB408F440000000000C0' "
    "ELSE x'9193A5622E706E67CB408F4C0000000000C0' END",
    "ALTER TABLE entries ADD COLUMN frame_count INTEGER NOT NULL DEFAULT 1",
    "DROP INDEX entries_by_state",
    "CREATE INDEX entries_by_state ON entries (state, next_attempt_at, frame_count, size)",
    "PRAGMA user_version = 2",
)
#: And schema 3 of that.
_SCHEMA_3 = (
    "ALTER TABLE entries ADD COLUMN retries INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE entries DROP COLUMN captured_at",
    "PRAGMA user_version = 3",
)
#: And schema 4 of that.
_SCHEMA_4 = (
    "ALTER TABLE answers ADD COLUMN written INTEGER",
    "UPDATE answers SET written = 0 WHERE counter > 4",
    "UPDATE answers SET written = 1 WHERE details = x''",
    "CREATE INDEX answers_to_write ON answers (counter) WHERE written = 0",
    "CREATE INDEX answers_written ON answers (written, id)",
    "PRAGMA user_version = 4",
)


@pytest.mark.parametrize("row", ["x'ff'", "x'90'", "'text'", "7", f"x'{'91' * 5000}'"])
def test_a_damaged_row_is_an_outbox_error(row: str, path: Path) -> None:
    outbox = Outbox(path, 1000)
    add(outbox)
    outbox._db._db.execute(f"UPDATE entries SET frames = {row}")
    with pytest.raises(OutboxError, match="frames of an entry"):
        outbox.oldest_captured_at()
    outbox.close()


@pytest.mark.slow  # SQLite waits for five seconds
def test_a_lock_that_is_held_for_long_is_said(path: Path) -> None:
    outbox = Outbox(path, 1000)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OutboxError, match="is locked by another process"):
        add(outbox)
    other.close()
    add(outbox)
    outbox.close()


def test_a_missing_folder_is_said(path: Path) -> None:
    with pytest.raises(OutboxError, match=r"can't be opened: No such file or directory; check its folder"):
        Outbox(path / "none" / "outbox.sqlite", 1000)


def test_use_after_close_is_an_outbox_error(path: Path) -> None:
    outbox = Outbox(path, 1000)
    outbox.close()
    with pytest.raises(OutboxError, match="closed"):
        outbox.counts()


def test_full_is_a_kind_of_outbox_error() -> None:
    assert issubclass(OutboxFullError, OutboxError)


def test_rows_from_before_known_answers_have_none() -> None:
    row = msgspec.msgpack.encode([["a.png", 1000.5]])
    assert decode_frames(row) == (CapturedFrame("a.png", 1000.5, expected=None),)
