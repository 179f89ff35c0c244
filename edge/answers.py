"""What has been answered, recorded once and written out in order of capture, each exactly once even over a crash.

The file itself tells what was written: at the start it is compared with the answers that the outbox
keeps. So a dead letter that was retried may be answered, and written, long after later frames.
"""

import heapq
from collections.abc import Sequence

import msgspec
import structlog

from common import clock
from edge import metrics
from edge.entries import Pending
from edge.outbox import Outbox
from edge.results import Result, ResultFile, decode_result

#: What the outbox keeps of a known answer in place of a result.
_NO_RESULT = b""

log = structlog.get_logger()


class AnswerBook:
    """Lets each answer take effect once: the outbox's entry goes and its results are recorded together."""

    def __init__(self, outbox: Outbox, results: ResultFile | None) -> None:
        self._outbox, self._results = outbox, results
        self._waiting: list[tuple[int, Result]] = []  # a heap of counters and results that aren't in the file yet
        if results is not None:
            kept = {(answer.job, answer.counter): answer.details for answer in outbox.answers()}
            for result in results.written():
                kept.pop((result.job, result.counter), None)
            for (_, counter), details in kept.items():
                if details != _NO_RESULT:
                    heapq.heappush(self._waiting, (counter, decode_result(details)))

    def record(self, pending: Pending, labels: Sequence[int], results: Sequence[Result], alarms: int = 0) -> bool:
        """Record a burst's labels and results, one for each frame, and alarms; False if it was answered before.

        Known answers have no results: they say nothing about what the camera saw.
        """
        answers: list[tuple[int, bytes]] = []
        shown: list[Result] = []
        for frame, label, result in zip(pending.frames, labels, results, strict=True):
            answers.append((label, msgspec.msgpack.encode(result) if frame.expected is None else _NO_RESULT))
            shown.extend([result] if frame.expected is None else [])
        if not self._outbox.answer(pending.job, answers, clock.now(), alarms):
            return False
        metrics.answered(results)  # known answers too, or who scrapes could tell them apart
        for result in shown:
            if self._results is not None:
                heapq.heappush(self._waiting, (result.counter, result))
            known = {} if result.label is None else {"label": result.label}
            log.info("label" if known else "receipt", job=pending.job, source=result.source, **known, ms=_ms(result))
        self.write_out()
        return True

    def write_out(self) -> None:
        """Write results in order of capture: none before all earlier frames are answered or parked, or were once."""
        if self._results is None or not self._waiting:
            return
        first = self._outbox.first_in_order()
        while self._waiting and (first is None or self._waiting[0][0] < first):
            self._results.write(self._waiting[0][1])
            heapq.heappop(self._waiting)


def _ms(result: Result) -> int:
    return round(result.latency_ms)
