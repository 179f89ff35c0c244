"""Receipts: under the custody of a site its console reads the labels, and tells the device that they are recorded."""

from common.errors import WireError
from common.logs import get_logger
from common.wire import messages
from common.wire.messages import Receipt
from edge import clock
from edge.labels.answers import AnswerBook
from edge.labels.results import results_of
from edge.outbox.outbox import Outbox
from edge.watcher import NOBODY, Watcher

#: The index that stands for a label that only the console knows.
_NOT_OURS = -1

log = get_logger(__name__)


class ReceiptBook:
    """Takes the console's receipt as the answer to a burst: its labels are recorded, so it needn't be sent again."""

    kind = "receipts"

    def __init__(self, device: str, outbox: Outbox, answers: AnswerBook, watcher: Watcher = NOBODY) -> None:
        self._device, self._outbox, self._answers, self._watcher = device, outbox, answers, watcher

    def take(self, payload: bytes) -> str:
        """Record that a burst was answered, and return its job.

        Raises `WireError` for a message that isn't a receipt for all of the burst's frames, and `OutboxError`.
        """
        receipt, now = messages.decode(payload, Receipt), clock.now()
        pending = self._outbox.get(receipt.job)
        if pending is None:
            log.debug("a receipt came again", job=receipt.job)
            return receipt.job
        frames = len(pending.frames)
        if receipt.frames != frames:
            raise WireError(f"the console has {receipt.frames} labels for job {receipt.job}, which has {frames} frames")
        stages = {
            "downlink": receipt.arrived_at - receipt.finished_at,
            "decrypt": receipt.recorded_at - receipt.arrived_at,
            "receipt": now - receipt.recorded_at,
        }
        results = results_of(
            self._device, pending, receipt, stages, now, labels=[None] * frames, downlink_bytes=len(payload)
        )
        if self._answers.record(pending, [_NOT_OURS] * frames, results):
            self._watcher.answered(receipt, results)
        return receipt.job
