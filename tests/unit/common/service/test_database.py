"""A database that someone else changed is refused before a row of it is used; what they added beside ours stays."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import OutboxError, RecordError
from common.wire.messages import Receipt
from console.record.record import FrameLabel, Record
from edge.outbox.dead_letters import DeadLetters
from edge.outbox.outbox import Outbox
from tests.unit.edge.entries import add

JOB = "00000001-0123456789abcdef"


def outbox(path: Path) -> None:
    opened = Outbox(path, 10**6)
    add(opened)
    opened.close()


def record(path: Path) -> None:
    opened = Record(path)
    opened.add("cam", "p", Receipt(1, JOB, 1, 1.0, 2.0, 3.0, 4.0, 5.0), [FrameLabel("cam", JOB, 1, "seven", 1.0, 5.0)])
    opened.close()


def changed(path: Path, make: Callable[[Path], None], *statements: str) -> Path:
    make(path)
    with sqlite3.connect(path) as db:
        for statement in statements:
            db.execute(statement)
    db.close()
    return path


@pytest.mark.parametrize(
    ("make", "statement"),
    [
        (outbox, "ALTER TABLE entries DROP COLUMN detail"),
        (outbox, "ALTER TABLE entries ADD COLUMN more TEXT"),
        (outbox, "ALTER TABLE answers RENAME TO gone"),
        (outbox, "UPDATE entries SET frames = 'text'"),
        (outbox, "UPDATE entries SET ciphertext = 5"),
        (outbox, "UPDATE entries SET job = x'00'"),
        (outbox, "UPDATE entries SET counter = 'many'"),
        (outbox, "UPDATE entries SET counter = 9223372036854775807"),
        (outbox, "UPDATE entries SET next_attempt_at = 1e999"),
        (outbox, "UPDATE entries SET reason = x'ff'"),
        (outbox, "UPDATE totals SET value = 'none' WHERE name = 'accepted'"),
        (outbox, "DELETE FROM totals"),
        (record, "UPDATE bursts SET received_at = 'today'"),
        (record, "UPDATE labels SET lead = 1e999"),
        (record, "UPDATE labels SET counter = -9223372036854775808"),
        (record, "DROP TABLE checks"),
    ],
)
def test_what_was_changed_is_refused(tmp_path: Path, make: Callable[[Path], None], statement: str) -> None:
    path = changed(tmp_path / "x.sqlite", make, statement)
    error = OutboxError if make is outbox else RecordError
    with pytest.raises(error, match=r"is damaged or not a database \((its table|this isn't so)"):
        Outbox(path, 10**6) if make is outbox else Record(path)


def test_a_view_that_never_ends_is_not_taken_for_a_table(tmp_path: Path) -> None:
    endless = "WITH RECURSIVE n(name) AS (SELECT 1 UNION ALL SELECT name + 1 FROM n) SELECT name, 1 AS value FROM n"
    path = changed(tmp_path / "x.sqlite", outbox, "DROP TABLE totals", f"CREATE VIEW totals AS {endless}")
    with pytest.raises(OutboxError, match="its table totals isn't as it was made"):
        Outbox(path, 10**6)


def test_a_text_that_is_none_is_an_error_of_ours_when_it_is_read(tmp_path: Path) -> None:
    path = changed(tmp_path / "x.sqlite", outbox, "UPDATE entries SET detail = CAST(x'fffe' AS TEXT)")
    letters = DeadLetters(path)
    with pytest.raises(OutboxError, match="can't be used"):
        letters.entries()
    letters.close()


@pytest.mark.parametrize("version", [0, -1])
def test_a_schema_that_no_version_wrote_is_refused(tmp_path: Path, version: int) -> None:
    path = changed(tmp_path / "x.sqlite", outbox, f"PRAGMA user_version = {version}")
    with pytest.raises(OutboxError, match=f"it has schema {version}, which no version of Blindsight wrote"):
        Outbox(path, 10**6)


def test_what_an_operator_added_to_look_at_it_stays(tmp_path: Path) -> None:
    additions = (
        "CREATE INDEX mine ON labels (label)",
        "CREATE TABLE seen (job TEXT)",
        "CREATE TRIGGER looking AFTER INSERT ON bursts BEGIN INSERT INTO seen VALUES (new.job); END",
        "CREATE VIEW sevens AS SELECT * FROM labels WHERE label = 'seven'",
    )
    path = changed(tmp_path / "x.sqlite", record, *additions)
    opened = Record(path)
    assert [label.label for label in opened.labels()] == ["seven"]
    opened.close()
