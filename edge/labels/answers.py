"""What has been answered, recorded once and given out in order of capture, to a file or to a function of a program.

The outbox remembers what was given out. Between that and its mark a device may die. Lines to be written to a file are
therefore compared with its end first, so that each is there exactly once even over a crash; only where the file is
moved away in that very moment, lines may be written twice. A function may get the same label again. None is ever left
out. A file that can't be written holds up nothing: its lines wait in the outbox.
"""

import time
from collections.abc import Sequence

import msgspec

from common.errors import OutboxError
from common.logs import get_logger
from edge import clock
from edge.labels.results import Result, Sink, decode_result
from edge.metrics import DeviceMetrics
from edge.outbox.entries import Pending
from edge.outbox.outbox import Outbox
from edge.outbox.outbox_file import NOTHING_TO_WRITE

#: Seconds between attempts to write to a file that can't be written, while no answer comes.
_RETRY = 5.0

log = get_logger(__name__)


class AnswerBook:
    """Lets each answer take effect once: the outbox's entry goes and its results are recorded together.

    Without `results` nothing is given out. Nobody looks at the metrics unless they are given.
    """

    def __init__(self, outbox: Outbox, results: Sink | None, metrics: DeviceMetrics | None = None) -> None:
        self._outbox, self._results = outbox, results
        self._metrics = metrics or DeviceMetrics()
        self._retry_at: float | None = None  # by the monotonic clock, while the file can't be written
        self._settle()

    def record(self, pending: Pending, labels: Sequence[int], results: Sequence[Result], alarms: int = 0) -> bool:
        """Record a burst's labels and results, one for each frame, and alarms; False if it was answered before.

        Known answers have no results: they say nothing about what the camera saw.
        """
        answers: list[tuple[int, bytes]] = []
        shown: list[Result] = []
        for frame, label, result in zip(pending.frames, labels, results, strict=True):
            wanted = self._results is not None and frame.expected is None
            answers.append((label, msgspec.msgpack.encode(result) if wanted else NOTHING_TO_WRITE))
            shown.extend([result] if frame.expected is None else [])
        if not self._outbox.answer(pending.job, answers, clock.now(), alarms):
            return False
        self._metrics.answered(results)  # known answers too, or who scrapes could tell them apart
        for result in shown:
            known = {} if result.label is None else {"label": result.label}
            log.info("label" if known else "receipt", job=pending.job, source=result.source, **known, ms=_ms(result))
        self.write_out()
        return True

    def write_out(self) -> None:
        """Write results in order of capture: none before all earlier frames are answered or parked, or were once."""
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
        """Try now and again to write what couldn't be written; to be called every few seconds."""
        if self._retry_at is not None and time.monotonic() >= self._retry_at:
            self.write_out()

    def _settle(self) -> None:
        """Decide once about answers of an outbox of an earlier version, which compared the whole file at each start.

        What the file's end has was written, and so was all before that, though it may have been moved
        away since. Only what a crash left behind the last line there is still to be written.
        """
        doubtful = self._outbox.doubtful()
        if not doubtful:
            return
        written = len(doubtful)
        if self._results is not None:
            lines = [_line(details) for _, details in doubtful]
            try:
                held = self._results.held([line for line in lines if line is not None])
            except OSError:  # said at the first line
                held = set()
            written = max((number for number, line in enumerate(lines, start=1) if line in held), default=written)
        self._outbox.mark((each for each, _ in doubtful[written:]), written=False)  # first: a crash may come
        self._outbox.mark(each for each, _ in doubtful[:written])


def _lines(batch: Sequence[tuple[int, bytes]]) -> list[bytes]:
    return [line for _, details in batch if (line := _line(details)) is not None]


def _line(details: bytes) -> bytes | None:
    """A result as it stands in the file; None where its row is damaged."""
    try:
        return msgspec.json.encode(decode_result(details))
    except OutboxError as error:
        log.error("a result is left out", reason=str(error))
        return None


def _ms(result: Result) -> int:
    return round(result.latency_ms)
