"""Old labels and readings are deleted, as `--keep` says: a few at a time, so that new ones needn't wait."""

import threading
import time
from collections.abc import Sequence
from typing import Protocol

from common.errors import BlindsightError
from common.logs import get_logger

#: Seconds between two looks for old labels.
_INTERVAL = 60.0
#: Seconds between two batches, in which others can use the files.
_PAUSE = 0.2

log = get_logger(__name__)


class Forgetful(Protocol):
    """What forgets: a record of labels, or a history."""

    def forget(self, before: float) -> int:
        """Delete a few of the oldest that were recorded before a time (epoch, s); returns how many, 0 if none is left.

        Raises `BlindsightError` where the file can't be used.
        """


class Keeper:
    """Deletes what was recorded longer ago than `seconds`, in a thread of its own."""

    def __init__(self, stores: Sequence[Forgetful], seconds: float) -> None:
        self._stores, self._seconds = stores, seconds
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
            before = time.time() - self._seconds
            some = [store for store in self._stores if self._forget(store, before)]
            wait = _PAUSE if some else _INTERVAL

    def _forget(self, store: Forgetful, before: float) -> int:
        try:
            forgotten = store.forget(before)
        except BlindsightError as error:
            log.warning("old labels can't be deleted; trying again", reason=str(error))
            return 0
        if forgotten:
            log.debug("deleted what is old", store=type(store).__name__, number=forgotten)
        return forgotten
