"""Labels that come back to a device that holds its own key set.

One label message answers a burst, all frames of one ciphertext, so each frame gets a result. A known
answer gets none: its label is compared, and a wrong one is an alarm.
"""

import time
from collections.abc import Mapping, Sequence

from common.errors import WireError
from common.keys.scores import ScoreReader
from common.logs import get_logger
from common.wire import messages
from common.wire.messages import EncryptedScores
from edge import clock
from edge.labels.answers import AnswerBook
from edge.labels.results import results_of
from edge.outbox.entries import Pending
from edge.outbox.outbox import Outbox

log = get_logger(__name__)


class LabelBook:
    """Decrypts a burst's labels, which answer it; `readers` are by key set and plan."""

    kind = "labels"

    def __init__(
        self, device: str, readers: Mapping[tuple[str, str], ScoreReader], outbox: Outbox, answers: AnswerBook
    ) -> None:
        self._device, self._readers, self._outbox, self._answers = device, readers, outbox, answers

    def take(self, payload: bytes) -> str:
        """Record the labels in a message, unless its burst was answered before; its job. Raises `WireError`."""
        label, arrived = messages.decode(payload, EncryptedScores), clock.now()
        pending = self._outbox.get(label.job)
        if pending is None:
            log.debug("a label came again", job=label.job)
            return label.job
        reader = self._reader(pending)
        start = time.perf_counter()
        decided = reader.decide(label.ciphertext, len(pending.frames))
        stages = {"downlink": arrived - label.finished_at, "decrypt": time.perf_counter() - start}
        names = [reader.head.labels[index] for index in decided]
        size = len(payload)
        results = results_of(self._device, pending, label, stages, clock.now(), labels=names, downlink_bytes=size)
        alarms = _alarms(pending, decided)
        if self._answers.record(pending, decided, results, len(alarms)):
            known = reader.head.labels
            for expected, index in alarms:  # the worker's name is its own word
                log.error("alarm", job=label.job, worker=label.worker, expected=known[expected], got=known[index])
        return label.job

    def _reader(self, pending: Pending) -> ScoreReader:
        """The one for the burst's own key set and plan: another would misread its scores. Raises `WireError`."""
        reader = self._readers.get((pending.key_set, pending.plan))
        if reader is None:
            raise WireError(
                f"job {pending.job} was encrypted under key set {pending.key_set[:12]} for plan {pending.plan[:12]}, "
                "which this device hasn't any more"
            )
        return reader


def _alarms(pending: Pending, decided: Sequence[int]) -> list[tuple[int, int]]:
    """Expected and decided label of each known answer that was answered wrongly."""
    pairs = zip(pending.frames, decided, strict=True)
    return [(frame.expected, index) for frame, index in pairs if frame.expected not in (None, index)]
