"""What has been answered, recorded once and written out in order of capture."""

from collections.abc import Sequence

import msgspec
import structlog

from common import clock
from edge.outbox import Outbox, Pending
from edge.results import Result, ResultFile

#: What the outbox keeps of a known answer in place of a result.
_NO_RESULT = b""

log = structlog.get_logger()


class AnswerBook:
    """Lets each answer take effect once: the outbox's entry goes and its results are recorded together."""

    def __init__(self, outbox: Outbox, results: ResultFile | None) -> None:
        self._outbox, self._results = outbox, results
        # A new outbox counts from zero again, whatever was written for an older one.
        fresh = outbox.counts().accepted == 0
        self._written = -1 if results is None or fresh else results.last_counter

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
        for result in shown:
            known = {} if result.label is None else {"label": result.label}
            log.info("label" if known else "receipt", job=pending.job, source=result.source, **known, ms=_ms(result))
        self.write_out()
        return True

    def write_out(self) -> None:
        """Write results in order of capture: none before all earlier frames are answered or parked."""
        if self._results is None:
            return
        waiting = self._outbox.oldest_pending()
        for answer in self._outbox.answers(after_counter=self._written):
            if waiting is not None and answer.counter > waiting:
                return
            if answer.details != _NO_RESULT:
                self._results.write(msgspec.msgpack.decode(answer.details, type=Result))
            self._written = answer.counter


def _ms(result: Result) -> int:
    return round(result.latency_ms)
