"""An outgoing table in a file of its own, and events for it."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from common.errors import RecordError
from common.publishing.announced import ANNOUNCED
from common.publishing.events import FrameLabel
from common.publishing.outgoing import OUTGOING, Outgoing, Target
from common.readings.reading import Reading
from common.service.database import Database, DatabaseKind

JOB = "00000003-0123456789abcdef"
LABEL = FrameLabel("cam-a", JOB, 3, "seven; rm -rf $HOME", 1.0, 2.0, 0.5, 1.5)
#: What others get of it: what is empty isn't sent, either.
PLAIN = {
    "kind": "label",
    **{name: getattr(LABEL, name) for name in ("device", "job", "counter", "label")},
    **{name: getattr(LABEL, name) for name in ("received_at", "recorded_at", "captured_at")},
}
READING = Reading("cam-a", "water", JOB, 1.5, "good", "1234.5", "m³", 0.99)

_SCHEMA = (*OUTGOING, *ANNOUNCED)
_KIND = DatabaseKind("record", "labels", 1, 1, _SCHEMA, lambda *_: None, RecordError, RecordError)


class Queue:
    """An outgoing table, with what a key holder does to it."""

    def __init__(self, path: Path, targets: Sequence[Target]) -> None:
        self.db = Database(path, _KIND)
        self.outgoing = Outgoing(self.db, targets)

    def add(self, *events: FrameLabel | Reading) -> None:
        with self.db.transaction() as transaction:
            self.outgoing.add(transaction, events)

    def add_labels(self, count: int, job: str = JOB) -> None:
        """A burst of labels whose counters are 3, 4, and so on."""
        self.add(*(msgspec.structs.replace(LABEL, job=job, counter=3 + number) for number in range(count)))

    def waiting(self, target: Target) -> list[dict[str, Any]]:
        return [json.loads(each.body) for each in self.outgoing.first(target, 10_000)]

    def counters(self, target: Target) -> list[int]:
        return [each["counter"] for each in self.waiting(target)]


@contextmanager
def opened(path: Path, *targets: Target) -> Iterator[Queue]:
    queue = Queue(path, targets)
    try:
        yield queue
    finally:
        queue.db.close()
