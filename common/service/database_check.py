"""What an SQLite file may hold beyond SQLite's own rules: other columns, values of other types.

SQLite takes any value in any column, and runs whatever program a file's schema holds. (https://sqlite.org/security.html
names the settings below for files that others may have written.)
"""

import sqlite3
from collections.abc import Sequence

#: Bytes of the longest row or value, above any message that MQTT carries.
_LONGEST = 1 << 29
#: What is so of the values that a column of a type holds. Numbers are such that sums of them fit, and that each can be
#: written to any file; texts and blobs are above every number.
_HOLDS = {
    "TEXT": "typeof({0}) = 'text'",
    "BLOB": "typeof({0}) = 'blob'",
    "INTEGER": f"typeof({{0}}) = 'integer' AND {{0}} BETWEEN -{2**62} AND {2**62}",
    "REAL": "{0} BETWEEN -1e300 AND 1e300",
}

#: A column's name, type, and whether it may hold NULL.
_Column = tuple[str, str, bool]


def limit(db: sqlite3.Connection) -> None:
    """Bound what a hostile file can make SQLite do."""
    db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
    db.execute("PRAGMA trusted_schema = OFF")
    db.execute("PRAGMA cell_size_check = ON")


def find_damage(db: sqlite3.Connection, schema: Sequence[str], always: Sequence[str]) -> str | None:
    """What is wrong with a file that should have this schema, and 1 for each query `always`; None when nothing is.

    Tables, views, indices and triggers that someone added are left alone: who can write a trigger into the file
    could change its rows as well.
    """
    with sqlite3.connect(":memory:") as fresh:
        for statement in schema:
            fresh.execute(statement)
        wanted = _tables(fresh)
    fresh.close()
    found = _tables(db)
    for table, columns in wanted.items():
        if found.get(table) != columns:
            return f"its table {table} isn't as it was made"
        kept = " AND ".join(_condition(*column) for column in sorted(columns))
        (wrong,) = db.execute(f"SELECT EXISTS (SELECT 1 FROM {table} WHERE ({kept}) IS NOT TRUE)").fetchone()
        if wrong:
            return f"its table {table} holds a value of another type than its column's"
    failed = next((query for query in always if db.execute(query).fetchone() != (1,)), None)
    return None if failed is None else f"this isn't so: {failed}"


def _tables(db: sqlite3.Connection) -> dict[str, set[_Column]]:
    names = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    columns = 'SELECT name, type, "notnull", pk FROM pragma_table_info(?)'
    return {
        table: {(name, kind, not notnull and not key) for name, kind, notnull, key in db.execute(columns, (table,))}
        for (table,) in names.fetchall()
    }


def _condition(name: str, kind: str, nullable: bool) -> str:
    held = f"({_HOLDS[kind].format(name)})"
    return f"({name} IS NULL OR {held})" if nullable else held
