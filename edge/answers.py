"""What has been answered, recorded once and written out in order of capture."""

import time
from collections.abc import Sequence

import structlog

from common import messages
from edge.outbox import Outbox
from edge.results import Result, ResultFile

log = structlog.get_logger()


class AnswerBook:
    """Lets each answer take effect once: the outbox's entry goes and its results are recorded together."""

    def __init__(self, outbox: Outbox, results: ResultFile | None) -> None:
        self._outbox, self._results = outbox, results
        # A new outbox counts from zero again, whatever was written for an older one.
        fresh = outbox.counts().accepted == 0
        self._written = -1 if results is None or fresh else results.last_counter

    def record(self, job: str, labels: Sequence[int], results: Sequence[Result]) -> None:
        """Record a burst's labels and results, one for each frame, unless it was answered before."""
        answers = [(label, messages.encode(result)) for label, result in zip(labels, results, strict=True)]
        if self._outbox.answer(job, answers, time.time()):
            for result in results:
                known = {} if result.label is None else {"label": result.label}
                log.info("label" if known else "receipt", job=job, source=result.source, **known, ms=_ms(result))
            self.write_out()

    def write_out(self) -> None:
        """Write results in order of capture: none before all earlier frames are answered or parked."""
        if self._results is None:
            return
        waiting = self._outbox.oldest_pending()
        for answer in self._outbox.answers(after_counter=self._written):
            if waiting is not None and answer.counter > waiting:
                return
            self._results.write(messages.decode(answer.details, Result))
            self._written = answer.counter


def _ms(result: Result) -> int:
    return round(result.latency_ms)
