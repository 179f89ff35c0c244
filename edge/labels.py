"""Labels that come back: decrypted, recorded once, written out in order of capture.

One label message answers a burst, all frames of one ciphertext, so each frame gets a result. A known
answer gets none: its label is compared, and a wrong one is an alarm.
"""

import time
from collections.abc import Sequence

import structlog

from common import messages
from common.errors import WireError
from common.messages import Label
from edge.encryption import FrameCipher
from edge.outbox import Outbox, Pending
from edge.results import Result, ResultFile

#: What the outbox keeps of a known answer in place of a result.
_NO_RESULT = b""

log = structlog.get_logger()


class LabelBook:
    """Lets each label take effect once: the outbox's entry goes and the answer is recorded together."""

    def __init__(self, device: str, cipher: FrameCipher, outbox: Outbox, results: ResultFile | None) -> None:
        self._device, self._cipher, self._outbox, self._results = device, cipher, outbox, results
        # A new outbox counts from zero again, whatever was written for an older one.
        fresh = outbox.counts().accepted == 0
        self._written = -1 if results is None or fresh else results.last_counter

    def take(self, label: Label, size: int) -> None:
        """Record the labels in a message of `size` bytes, unless its burst was answered before. Raises `WireError`."""
        arrived = time.time()
        pending = self._outbox.get(label.job)
        if pending is None:
            log.debug("a label came again", job=label.job)
            return
        self._check_readable(pending)
        start = time.perf_counter()
        decided = self._cipher.decide(label.ciphertext, len(pending.frames))
        decrypt_ms = (time.perf_counter() - start) * 1000
        results = self._results_of(pending, label, decided, arrived, decrypt_ms, size)
        alarms = _alarms(pending, decided)
        answers: list[tuple[int, bytes]] = []
        for frame, index, result in zip(pending.frames, decided, results, strict=True):
            answers.append((index, messages.encode(result) if frame.expected is None else _NO_RESULT))
        if self._outbox.answer(label.job, answers, time.time(), len(alarms)):
            for expected, index in alarms:
                self._raise_alarm(label, expected, index)
            for frame, result in zip(pending.frames, results, strict=True):
                if frame.expected is None:
                    ms = round(result.latency_ms)
                    log.info("label", job=label.job, source=result.source, label=result.label, ms=ms)
            self.write_out()

    def _raise_alarm(self, label: Label, expected: int, decided: int) -> None:
        """Say that a known answer was answered wrongly. The worker's name is its own word."""
        names = self._cipher.head.labels
        log.error("alarm", job=label.job, worker=label.worker, expected=names[expected], got=names[decided])

    def _check_readable(self, pending: Pending) -> None:
        """Raise `WireError` for a burst from before the device got another plan or key set: scores would be misread."""
        ours = self._cipher.key_set.fingerprint, self._cipher.head.hash
        if (pending.key_set, pending.plan) != ours:
            raise WireError(
                f"job {pending.job} was encrypted under key set {pending.key_set[:12]} for plan {pending.plan[:12]}; "
                f"this device has {ours[0][:12]} and {ours[1][:12]}"
            )

    def write_out(self) -> None:
        """Write results in order of capture: none before all earlier frames are answered or parked."""
        if self._results is None:
            return
        waiting = self._outbox.oldest_pending()
        for answer in self._outbox.answers(after_counter=self._written):
            if waiting is not None and answer.counter > waiting:
                return
            if answer.details != _NO_RESULT:
                self._results.write(messages.decode(answer.details, Result))
            self._written = answer.counter

    def _results_of(
        self, pending: Pending, label: Label, decided: list[int], arrived: float, decrypt_ms: float, size: int
    ) -> list[Result]:
        sent = pending.first_sent_at if pending.first_sent_at is not None else label.received_at
        stages = {
            "encrypt": pending.encrypt_ms,
            "uplink": (label.received_at - sent) * 1000,
            "queue": (label.started_at - label.received_at) * 1000,
            "evaluate": (label.finished_at - label.started_at) * 1000,
            "downlink": (arrived - label.finished_at) * 1000,
            "decrypt": decrypt_ms,
        }
        now, frames = time.time(), len(pending.frames)
        return [
            Result(
                device=self._device,
                job=pending.job,
                counter=counter,
                source=frame.source,
                label=self._cipher.head.labels[index],
                captured_at=frame.captured_at,
                latency_ms=(now - frame.captured_at) * 1000,
                stages_ms=stages,
                uplink_bytes=round(len(pending.ciphertext) / frames),
                downlink_bytes=round(size / frames),
                attempts=pending.attempts,
            )
            for counter, (frame, index) in enumerate(zip(pending.frames, decided, strict=True), start=pending.counter)
        ]


def _alarms(pending: Pending, decided: Sequence[int]) -> list[tuple[int, int]]:
    """Expected and decided label of each known answer that was answered wrongly."""
    pairs = zip(pending.frames, decided, strict=True)
    return [(frame.expected, index) for frame, index in pairs if frame.expected not in (None, index)]
