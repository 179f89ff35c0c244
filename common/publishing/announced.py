"""The sensors that a key holder has announced to Home Assistant: a table in its SQLite file.

What was announced is retained by the broker for ever, also when a reading gets another name or a region goes. Only who
has it written down can take it back, and nothing that somebody else has announced.
"""

from collections.abc import Iterable
from typing import NamedTuple

from common.service.database import Database

#: The statement that makes the table.
ANNOUNCED = (
    """CREATE TABLE announced (
        prefix TEXT NOT NULL,
        device TEXT NOT NULL,
        level TEXT NOT NULL,
        PRIMARY KEY (prefix, device, level)
    )""",
)


class Announcement(NamedTuple):
    """Where a sensor was announced: below which prefix, of which device, on which level of its topics."""

    prefix: str
    device: str
    level: str


class Announced:
    """The announcements that stand on the broker. Every method raises the database's own error."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known = {Announcement(*row) for row in db.rows("SELECT prefix, device, level FROM announced")}

    def all(self) -> list[Announcement]:
        """All of them, sorted."""
        return sorted(self._known)

    def add(self, announcements: Iterable[Announcement]) -> None:
        """Write down what is about to be announced; when this returns, that is on disk."""
        new = set(announcements) - self._known
        if new:
            with self._db.transaction() as db:
                db.executemany("INSERT INTO announced VALUES (?, ?, ?)", sorted(new))
            self._known |= new

    def remove(self, announcements: Iterable[Announcement]) -> None:
        """Forget what was taken back."""
        gone = list(announcements)
        with self._db.transaction() as db:
            db.executemany("DELETE FROM announced WHERE prefix = ? AND device = ? AND level = ?", gone)
        self._known -= set(gone)
