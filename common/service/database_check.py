"""What an SQLite file may hold beyond SQLite's own rules: other columns, values of other types.

SQLite takes any value in any column, and runs whatever program a file's schema holds. (https://sqlite.org/security.html
names the settings below for files that others may have written.)
"""

import sqlite3
from collections.abc import Sequence

#: Bytes of the longest row or value; no message of MQTT is as long.
_LONGEST = 1 << 29
#: The condition, by a column's type, that each of its values meets. Sums of such numbers fit SQLite's, and any file can
#: hold each of them. (In SQLite's order, texts and blobs are above every number.)
_CONDITIONS = {
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
    """What is wrong with a file; None when it has this schema, and gives 1 for each query in `always`.

    Tables, views, indices and triggers that someone added are left alone: who can write a trigger into the file
    could change its rows as well.
    """
    with sqlite3.connect(":memory:") as fresh:
        for statement in schema:
            fresh.execute(statement)
        tables = _tables(fresh)
    fresh.close()
    present = _tables(db)
    for table, columns in tables.items():
        if present.get(table) != columns:
            return f"its table {table} isn't as it was made"
        condition = " AND ".join(_condition(*column) for column in sorted(columns))
        (wrong,) = db.execute(f"SELECT EXISTS (SELECT 1 FROM {table} WHERE ({condition}) IS NOT TRUE)").fetchone()
        if wrong:
            return f"its table {table} holds a value of another type than its column's"
    unmet = next((query for query in always if db.execute(query).fetchone() != (1,)), None)
    return None if unmet is None else f"this isn't so: {unmet}"


def _tables(db: sqlite3.Connection) -> dict[str, set[_Column]]:
    names = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    columns = 'SELECT name, type, "notnull", pk FROM pragma_table_info(?)'
    return {
        table: {(name, kind, not notnull and not key) for name, kind, notnull, key in db.execute(columns, (table,))}
        for (table,) in names.fetchall()
    }


def _condition(name: str, kind: str, nullable: bool) -> str:
    condition = f"({_CONDITIONS[kind].format(name)})"
    return f"({name} IS NULL OR {condition})" if nullable else condition
