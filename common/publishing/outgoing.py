"""Events on their way out: a table in the key holder's SQLite file, so that no crash loses or swaps any.

An event is added in the transaction that records it, once for each target, and deleted once it has arrived there. It
waits for as long as its target is away: nothing bounds the table but the disk. (A year of readings, one a
minute, takes about 150 MB for each target.)
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from common.publishing.announced import Announced
from common.publishing.events import Event, plain, whole
from common.readings.reading import Reading
from common.service.database import Database

#: A target of events. `function` is one of the program that holds the key, `history` is the key holder's own, and
#: `readings` a file, which gets nothing but readings; the others are elsewhere.
Target = Literal["topic", "command", "webhook", "mqtt", "function", "readings", "history"]

#: The statements that make the table. A number is never used twice, so that it tells which event was first.
OUTGOING = (
    """CREATE TABLE outgoing (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        target TEXT NOT NULL,
        body BLOB NOT NULL
    )""",
    "CREATE INDEX outgoing_by_target ON outgoing (target, number)",
)


class Waiting(NamedTuple):
    """An event that is still to be sent, as JSON; earlier ones have lower numbers."""

    number: int
    body: bytes


class Outgoing:
    """The events that are still to be sent to each of `targets`. Every method raises the database's own error.

    `announced` is what Home Assistant was told of the sensors that show them.
    """

    def __init__(self, db: Database, targets: Sequence[Target]) -> None:
        self._db, self._targets = db, tuple(targets)
        self.announced = Announced(db)

    def add_target(self, target: Target) -> None:
        """Let what is added from now on be sent to a target, too."""
        if target not in self._targets:
            self._targets += (target,)

    def add(self, transaction: sqlite3.Connection, events: Iterable[Event]) -> None:
        """Add events, in their order, within the transaction that records them."""
        rows = [
            (target, whole(event) if target == "function" else plain(event))
            for event in events
            for target in self._targets
            if target != "readings" or isinstance(event, Reading)
        ]
        transaction.executemany("INSERT INTO outgoing (target, body) VALUES (?, ?)", rows)

    def first(self, target: Target, limit: int) -> list[Waiting]:
        """The first events, at most `limit`, that are still to be sent to a target, in order of their record."""
        query = "SELECT number, body FROM outgoing WHERE target = ? ORDER BY number LIMIT ?"
        return [Waiting(*row) for row in self._db.rows(query, target, limit)]

    def sent(self, numbers: Iterable[int]) -> None:
        """Delete events that have arrived; when this returns, that is on disk."""
        with self._db.transaction() as db:
            db.executemany("DELETE FROM outgoing WHERE number = ?", [(number,) for number in numbers])

    def waiting(self, target: Target) -> int:
        """The number of events that are still to be sent to a target."""
        ((count,),) = self._db.rows("SELECT count(*) FROM outgoing WHERE target = ?", target)
        return int(count)

    def left_behind(self) -> dict[str, int]:
        """The numbers of events that wait for targets which aren't among `targets`."""
        counts = dict(self._db.rows("SELECT target, count(*) FROM outgoing GROUP BY target"))
        return {target: count for target, count in counts.items() if target not in self._targets}

    def move(self, source: Target, to: Target) -> None:
        """Let another target have, from now on, what waits for `source`."""
        with self._db.transaction() as db:
            db.execute("UPDATE outgoing SET target = ? WHERE target = ?", (to, source))
