"""Old labels are deleted from the record, as `--keep` says: a few at a time, so that new ones needn't wait."""

import threading
import time

from common.errors import RecordError
from common.logs import get_logger
from console.record.record import Record

#: Seconds between two looks for old labels.
_INTERVAL = 60.0
#: Seconds between two batches, in which others can use the record.
_PAUSE = 0.2

log = get_logger(__name__)


class Keeper:
    """Deletes what was recorded longer ago than `seconds`, in a thread of its own."""

    def __init__(self, record: Record, seconds: float) -> None:
        self._record, self._seconds = record, seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="keep", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End after the batch in work."""
        self._stopping.set()
        self._thread.join()

    def _work(self) -> None:
        wait = 0.0
        while not self._stopping.wait(wait):
            try:
                bursts = self._record.forget(time.time() - self._seconds)
            except RecordError as error:
                log.warning("old labels can't be deleted; trying again", reason=str(error))
                bursts = 0
            if bursts:
                log.debug("deleted old labels", bursts=bursts)
            wait = _PAUSE if bursts else _INTERVAL
