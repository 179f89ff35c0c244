"""Labels that come back: decrypted, recorded once, written out in order of capture."""

import time

import structlog

from common import messages
from common.messages import Label
from edge.encryption import FrameCipher
from edge.outbox import Outbox, Pending
from edge.results import Result, ResultFile

log = structlog.get_logger()


class LabelBook:
    """Lets each label take effect once: the outbox's entry goes and the answer is recorded together."""

    def __init__(self, device: str, cipher: FrameCipher, outbox: Outbox, results: ResultFile | None) -> None:
        self._device, self._cipher, self._outbox, self._results = device, cipher, outbox, results
        # A new outbox counts from zero again, whatever was written for an older one.
        fresh = outbox.counts().accepted == 0
        self._written = -1 if results is None or fresh else results.last_counter

    def take(self, label: Label, size: int) -> None:
        """Record a label of `size` bytes, unless its frame was answered before. Raises `WireError`."""
        arrived = time.time()
        pending = self._outbox.get(label.job)
        if pending is None:
            log.debug("a label came again", job=label.job)
            return
        start = time.perf_counter()
        (decided,) = self._cipher.decide(label.ciphertext, 1)
        decrypt_ms = (time.perf_counter() - start) * 1000
        result = self._result(pending, label, decided, arrived, decrypt_ms, size)
        if self._outbox.answer(label.job, decided, time.time(), messages.encode(result)):
            log.info("label", job=label.job, source=pending.source, label=result.label, ms=round(result.latency_ms))
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

    def _result(
        self, pending: Pending, label: Label, decided: int, arrived: float, decrypt_ms: float, size: int
    ) -> Result:
        sent = pending.first_sent_at if pending.first_sent_at is not None else label.received_at
        stages = {
            "encrypt": pending.encrypt_ms,
            "uplink": (label.received_at - sent) * 1000,
            "queue": (label.started_at - label.received_at) * 1000,
            "evaluate": (label.finished_at - label.started_at) * 1000,
            "downlink": (arrived - label.finished_at) * 1000,
            "decrypt": decrypt_ms,
        }
        return Result(
            device=self._device,
            job=pending.job,
            counter=pending.counter,
            source=pending.source,
            label=self._cipher.head.labels[decided],
            captured_at=pending.captured_at,
            latency_ms=(time.time() - pending.captured_at) * 1000,
            stages_ms=stages,
            uplink_bytes=len(pending.ciphertext),
            downlink_bytes=size,
            attempts=pending.attempts,
        )
