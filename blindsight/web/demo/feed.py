"""What happens in a demo, for its site: read from the files that its devices and its console write, as they grow."""

import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from blindsight.demo.devices import READINGS, RESULTS
from blindsight.web.parts.live import Live, Seen
from common.errors import BlindsightError
from common.history.history import History
from common.logs import get_logger
from common.publishing.events import FrameLabel
from common.readings.reading import Reading
from console.record.export import read_rows
from edge.labels.results import Result

#: Seconds between two looks into the files.
_LOOK_SECONDS = 0.3
#: Seconds by which a look into the record goes back, so that none of the same moment is left out.
_AGAIN_SECONDS = 1.0
#: Frames of devices whose labels their console hasn't recorded yet, at most.
_MOST_SOURCES = 10_000

T = TypeVar("T")

log = get_logger(__name__)


class Tail(Generic[T]):
    """The JSON lines that a file has got since it was last looked into."""

    def __init__(self, file: Path, kind: type[T]) -> None:
        self._file, self._kind, self._at = file, kind, 0

    def more(self) -> list[T]:
        """The new whole lines. Raises `msgspec.MsgspecError` for one that isn't such a line."""
        if not self._file.exists():
            return []
        with self._file.open("rb") as file:
            file.seek(self._at)
            whole, end, _ = file.read().rpartition(b"\n")
        self._at += len(whole) + len(end)
        return [msgspec.json.decode(line, type=self._kind) for line in whole.splitlines()]


class DemoFeed:
    """Reads what is new, in a thread of its own while entered, into a history and `live`.

    `record` is the record of the demo's console; None where each device holds its own keys.
    """

    def __init__(self, site: Path, names: Sequence[str], record: Path | None, history: History, live: Live) -> None:
        self._results = [Tail(site / name / RESULTS, Result) for name in names]
        self._readings = [Tail(folder / READINGS, Reading) for folder in (site, *(site / name for name in names))]
        self._record, self._history, self._live = record, history, live
        self._recorded_at = 0.0
        self._sources: dict[tuple[str, str, int], str] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="feed", daemon=True)

    def __enter__(self) -> "DemoFeed":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def look(self) -> None:
        """Read what is new. Raises `BlindsightError` when a file can't be read."""
        results = [result for tail in self._results for result in tail.more()]
        frames = Counter((each.device, each.job) for each in results)
        for result in {(each.device, each.job): each for each in results}.values():
            self._live.take_burst(_seen(result, frames[result.device, result.job]))
        labels = [_event(result) for result in results if result.label is not None]
        if self._record is not None:
            self._sources |= {(each.device, each.job, each.counter): each.source for each in results}
            labels = self._recorded(self._record)
        readings = [reading for tail in self._readings for reading in tail.more()]
        if labels or readings:
            self._history.add([*labels, *readings])

    def _work(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            try:
                self.look()
            except (BlindsightError, msgspec.MsgspecError, OSError) as error:
                log.warning("what is new in the demo can't be read; trying again", reason=str(error))

    def _recorded(self, record: Path) -> list[FrameLabel]:
        """What the console recorded, with the sources that its devices know."""
        if not record.exists():
            return []
        labels = []
        for row in read_rows(record, self._recorded_at - _AGAIN_SECONDS, None):
            self._recorded_at = max(self._recorded_at, row.recorded_at)
            source = self._sources.get((row.device, row.job, row.counter), "")
            times = row.received_at, row.recorded_at
            label = FrameLabel(row.device, row.job, row.counter, row.label, *times, captured_at=row.captured_at)
            labels.append(msgspec.structs.replace(label, source=source, region=_region(source)))
        for known in list(self._sources)[:-_MOST_SOURCES]:
            del self._sources[known]
        return labels


def _seen(result: Result, frames: int) -> Seen:
    at = result.captured_at + result.latency_ms / 1000
    return Seen(at, {name: ms / 1000 for name, ms in result.stages_ms.items()}, frames)


def _event(result: Result) -> FrameLabel:
    assert result.label is not None, "the device holds its own keys"
    at = result.captured_at + result.latency_ms / 1000
    label = FrameLabel(result.device, result.job, result.counter, result.label, at, at)
    return msgspec.structs.replace(
        label,
        captured_at=result.captured_at,
        source=result.source,
        region=_region(result.source),
        group=result.group,
    )


def _region(source: str) -> str:
    """The region's name in a source: the demo's pictures have no colons in their names."""
    return source.partition(":")[2]
