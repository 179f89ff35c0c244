"""The history gets what the record already has: labels of before it was kept, or of while it wasn't.

The record is only read, from its newest burst on, a few bursts at a time, so that nobody waits. Events come to the
history by themselves; this looks from time to time whether it has them all, up to where it had them before.
"""

import math
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from common.errors import BlindsightError
from common.history.history import History
from common.label_groups import LabelGroups
from common.logs import get_logger
from common.publishing.events import Event, FrameLabel
from common.readings.meters import Meters
from common.readings.reading import Reading
from common.readings.storage import COLUMNS
from common.service.database import reading
from console.record.record_file import LABEL_COLUMNS, RECORD

#: Bursts that are read at once, at most, and frames with which a step has enough of them.
_BURSTS, _FRAMES = 200, 1000
#: Seconds between two steps, in which others can use the history.
_PAUSE = 0.05
#: Seconds between two looks whether the history has all.
_INTERVAL = 3600.0

log = get_logger(__name__)


class Filler:
    """Fills a history from the record at `path`, in a thread of its own.

    `meters` and `groups` tell the regions and groups of earlier labels, which the record doesn't keep. What was
    recorded longer than `keep` seconds ago is about to be forgotten, and stays where it is.
    """

    def __init__(
        self, path: Path, history: History, meters: Meters, groups: LabelGroups, keep: float | None = None
    ) -> None:
        self._path, self._history, self._meters, self._groups = path, history, meters, groups
        self._keep = math.inf if keep is None else keep
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="fill", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End after the step in work."""
        self._stopping.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                self._fill()
            except BlindsightError as error:
                log.warning("the history isn't filled from the record yet; trying again", reason=str(error))
            self._stopping.wait(_INTERVAL)

    def _fill(self) -> None:
        newest, added = None, 0
        since = max(self._history.filled_to(), time.time() - self._keep)
        for step in steps(self._path, since, self._meters, self._groups):
            newest = newest or step.newest
            added += self._history.add(step.events)
            if self._stopping.wait(_PAUSE):
                return  # the next start begins again with the newest, and what is there already takes little time
        if newest is not None:
            self._history.fill_to(newest)
        if added:
            log.info("the history has got earlier labels from the record", number=added)


class Step(NamedTuple):
    """Events of a few bursts of the record, and when the last of these bursts was recorded (epoch, s)."""

    newest: float
    events: list[Event]


def steps(path: Path, since: float, meters: Meters, groups: LabelGroups) -> Iterator[Step]:
    """What was recorded from a time (epoch, s) on, the newest first, a few bursts at a time.

    Raises `RecordError` when the record can't be read.
    """
    recorded_at, rowid = 1e300, 0
    while True:
        newest, events, frames = None, list[Event](), 0
        with reading(path, RECORD) as db:
            bursts = db.execute(
                "SELECT recorded_at, rowid, device, job, frames FROM bursts WHERE (recorded_at, rowid) < (?, ?) "
                "AND recorded_at >= ? ORDER BY recorded_at DESC, rowid DESC LIMIT ?",
                (recorded_at, rowid, since, _BURSTS),
            )
            for recorded_at, rowid, device, job, of_burst in bursts:  # noqa: B007
                newest = newest or recorded_at
                events += _events(db, device, job, meters, groups)
                frames += of_burst
                if frames >= _FRAMES:
                    break
        if newest is None:
            return
        yield Step(newest, events)


def _events(db: sqlite3.Connection, device: str, job: str, meters: Meters, groups: LabelGroups) -> list[Event]:
    """What was published of a burst, with the regions that the region files of today tell."""
    query = (
        f"SELECT {LABEL_COLUMNS} FROM labels JOIN bursts USING (device, job) WHERE device = ? AND job = ? "
        "ORDER BY counter"
    )
    labels = [FrameLabel(*row) for row in db.execute(query, (device, job))]
    regions = meters.regions(device, [""] * len(labels))
    events: list[Event] = [
        msgspec.structs.replace(label, lead=None, region=region, group=groups.of(label.label))
        for label, region in zip(labels, regions, strict=True)
    ]
    rows = db.execute(f"SELECT {COLUMNS} FROM readings WHERE device = ? AND job = ?", (device, job))
    return events + [Reading(*row) for row in rows]
