"""Archives and databases changed from within, so that what holds them together stays whole."""

import io
import random
import sqlite3
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

#: An expression of SQL for any column.
_VALUES = (
    "NULL", "0", "-1", "1e308", "-9223372036854775808", "9223372036854775807", "''", "'a'", "x''", "x'ff'", "x'c1'",
    "CAST(x'ff00fe' AS TEXT)", "zeroblob(300)", "1e999", "'00000001-0123456789abcdef'", "hex(randomblob(40))",
)  # fmt: skip


def npz(rng: random.Random, data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """An archive of arrays of which one changes, or its name or place."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    at, kind = rng.randrange(len(members)), rng.random()
    name, content = members[at]
    if kind < 0.05:
        del members[at]
    elif kind < 0.1:
        members[at] = (rng.choice(("x.npy", "../x.npy", name[:-4], "")), content)
    elif kind < 0.3:
        members[at] = (name, _header(rng, content))
    else:
        members[at] = (name, change(content))
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for each, content in members:
            archive.writestr(each, content)
    return made.getvalue()


#: What the header of an array may say.
_TYPES = (
    "|u1", "<f4", "<f8", "<i8", "|O", "<U9", "|V0", ">f8", "<M8[s]", "|b1", "<c16", [("a", "<f8")], "none", 7,
)  # fmt: skip
_SHAPES = ("()", "(0,)", "(-1,)", "(10,)", "(1, 1)", "(2, 4, 6)", f"({10**9},)", f"({10**18},)", "(2.5,)", "None")


def _header(rng: random.Random, content: bytes) -> bytes:
    """An array that claims another shape or type."""
    start = content.index(b"\n") + 1
    order, shape = rng.choice((True, False)), rng.choice(_SHAPES)
    text = f"{{'descr': {rng.choice(_TYPES)!r}, 'fortran_order': {order}, 'shape': {shape}, }}"
    padded = text.encode().ljust(start - 11, b" ") + b"\n"
    return content[:8] + len(padded).to_bytes(2, "little") + padded + content[start:]


def sqlite(rng: random.Random, data: bytes) -> bytes:
    """A database in which values, tables, triggers or versions are others'."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(data)
        db = sqlite3.connect(path, isolation_level=None)
        try:
            db.execute("PRAGMA ignore_check_constraints = ON")
            for _ in range(rng.choice((1, 1, 2, 5))):
                _change(rng, db)
        finally:
            db.close()
        return path.read_bytes()


def _change(rng: random.Random, db: sqlite3.Connection) -> None:
    tables = [
        name
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    ]
    if not tables:
        return
    table = rng.choice(tables)
    column, kind = rng.choice([row[1:3] for row in db.execute(f"PRAGMA table_info('{table}')")])
    value = rng.choice(_VALUES)
    statements = (
        f"UPDATE {table} SET {column} = {value} WHERE rowid = (SELECT min(rowid) FROM {table})",
        f"UPDATE {table} SET {column} = {value}",
        f"UPDATE {table} SET {column} = {value}",
        f"INSERT INTO {table} SELECT * FROM {table}",
        f"DELETE FROM {table}",
        f"ALTER TABLE {table} RENAME TO gone_{rng.randrange(9)}",
        f"ALTER TABLE {table} DROP COLUMN {column}",
        f"ALTER TABLE {table} ADD COLUMN more_{rng.randrange(9)} {kind} DEFAULT {value}",
        f"CREATE TRIGGER t{rng.randrange(9)} AFTER UPDATE ON {table} BEGIN UPDATE {table} SET {column} = {value}; END",
        f"CREATE TRIGGER t{rng.randrange(9)} BEFORE INSERT ON {table} BEGIN SELECT RAISE(IGNORE); END",
        f"PRAGMA user_version = {rng.choice((0, 1, 2, 3, 4, -1))}",
        f"PRAGMA application_id = {rng.choice((0, 1))}",
        "PRAGMA encoding = 'UTF-16'",
        f"DROP TABLE {table}",
    )
    try:
        db.execute(rng.choice(statements))
        if rng.random() < 0.03:  # a view that never ends, in the place of a table
            endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS"
            db.execute(f"DROP TABLE {table}")
            db.execute(f"CREATE VIEW {table} AS {endless} {column} FROM n")
    except sqlite3.Error:
        pass
