"""Cameras that go on: one more picture of each device, again and again."""

import threading
from collections.abc import Iterator

from common.logs import get_logger

log = get_logger(__name__)


class Feeder:
    """Takes a step of `pictures` so many times a second, in a thread of its own while entered."""

    def __init__(self, pictures: Iterator[None], rate: float) -> None:
        self._pictures, self._seconds = pictures, 1 / rate
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="feeder", daemon=True)

    def __enter__(self) -> "Feeder":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stopping.wait(self._seconds):
            try:
                next(self._pictures)
            except OSError as error:  # a full disk, say: the site stays open
                log.warning("the cameras can't go on", reason=error.strerror)
                return
