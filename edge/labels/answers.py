"""Answers: each is recorded once, and its lines are given out in order of capture, to a file or to a function.

The outbox marks what was written. A device may die after it wrote lines and before it marked them. So the first
lines to be written are compared with the end of the file. Lines can only be written twice if someone moves the file
away in that very moment, and none is ever left out. A file that can't be written holds up nothing: its lines wait
in the outbox. A function of a program can't be compared with anything: it may get the same result twice.
"""

import time
from collections.abc import Sequence

import msgspec

from common.errors import OutboxError
from common.logs import get_logger
from common.publishing.events import Event
from common.readings.reader import NOTHING_TAKEN, Taken
from common.readings.reading import shown_fields
from edge import clock
from edge.labels.results import Result, Sink, decode_result
from edge.metrics import DeviceMetrics
from edge.outbox.entries import Pending
from edge.outbox.outbox import Outbox
from edge.outbox.outbox_file import NOTHING_TO_WRITE

#: Seconds between attempts to write a file that can't be written. Each answer is an attempt, too.
_RETRY = 5.0

log = get_logger(__name__)


class AnswerBook:
    """Records answers: a burst's entry leaves the outbox, and its results are recorded, in one transaction.

    Without `results` nothing is given out. Nobody looks at the metrics unless they are given.
    """

    def __init__(self, outbox: Outbox, results: Sink | None, metrics: DeviceMetrics | None = None) -> None:
        self._outbox, self._results = outbox, results
        self._metrics = metrics or DeviceMetrics()
        self._retry_at: float | None = None  # by the monotonic clock, while the file can't be written
        self._settle()

    def record(
        self,
        pending: Pending,
        labels: Sequence[int],
        results: Sequence[Result],
        alarms: int = 0,
        events: Sequence[Event] = (),
        taken: Taken = NOTHING_TAKEN,
    ) -> bool:
        """Record a burst's labels and results, one of each a frame, and its alarms; False if it was answered before.

        `events` are what is published of it, and `taken` is what reading its picture gave. A known answer's result is
        neither logged nor written out: it says nothing about what the camera saw.
        """
        answers: list[tuple[int, bytes]] = []
        seen_by_camera: list[Result] = []
        for frame, label, result in zip(pending.frames, labels, results, strict=True):
            is_known = frame.expected is not None
            has_line = self._results is not None and not is_known
            answers.append((label, msgspec.msgpack.encode(result) if has_line else NOTHING_TO_WRITE))
            seen_by_camera.extend([] if is_known else [result])
        if not self._outbox.answer(pending.job, answers, clock.now(), alarms, events, taken):
            return False
        self._metrics.answered(results)  # with known answers, or the metrics would tell them apart
        for result in seen_by_camera:
            details = {} if result.label is None else {"label": result.label}
            event = "label" if details else "receipt"
            details |= {"group": result.group} if result.group else {}
            log.info(event, job=pending.job, source=result.source, **details, ms=_ms(result))
        for reading in taken.readings:
            log.info("reading", **shown_fields(reading))
        self.write_out()
        return True

    def write_out(self) -> None:
        """Write results in order of capture, as far as `Outbox.unwritten` gives them. Raises `OutboxError`."""
        if self._results is None:
            return
        while batch := self._outbox.unwritten(self._results.batch):
            try:
                self._results.append(_lines(batch))
            except OSError as error:
                if self._retry_at is None:
                    path, reason = str(self._results), error.strerror
                    log.warning("results can't be written; they wait in the outbox", path=path, reason=reason)
                self._retry_at = time.monotonic() + _RETRY
                return
            self._outbox.mark(each for each, _ in batch)
        if self._retry_at is not None:
            log.info("results are written again")
            self._retry_at = None

    def tick(self) -> None:
        """Try again to write what couldn't be written; to be called every few seconds."""
        if self._retry_at is not None and time.monotonic() >= self._retry_at:
            self.write_out()

    def _settle(self) -> None:
        """Mark the answers of an outbox of an earlier version, which compared the whole file at each start.

        Answers up to the last one whose line is at the end of the file are marked as written, although the earlier
        lines may have been moved away since. Those after it are what a crash left, and are still to be written. Where
        the file has none of the lines, all answers are marked as written.
        """
        doubtful = self._outbox.doubtful()
        if not doubtful:
            return
        written = len(doubtful)
        if self._results is not None:
            lines = [_line(details) for _, details in doubtful]
            try:
                present = self._results.present([line for line in lines if line is not None])
            except OSError:  # the first line that is written logs it
                present = set()
            written = max((number for number, line in enumerate(lines, start=1) if line in present), default=written)
        # These first: a crash may come in between.
        self._outbox.mark((each for each, _ in doubtful[written:]), written=False)
        self._outbox.mark(each for each, _ in doubtful[:written])


def _lines(batch: Sequence[tuple[int, bytes]]) -> list[bytes]:
    return [line for _, details in batch if (line := _line(details)) is not None]


def _line(details: bytes) -> bytes | None:
    """The line of a result in the file; None where its row is damaged."""
    try:
        return msgspec.json.encode(decode_result(details))
    except OutboxError as error:
        log.error("a result is left out", reason=str(error))
        return None


def _ms(result: Result) -> int:
    return round(result.latency_ms)
