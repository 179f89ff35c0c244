"""When the next picture is due."""

import math
import threading
import time
from collections.abc import Callable


class Pace:
    """A schedule of at most `rate` pictures a second; with None, they come as fast as they can."""

    def __init__(
        self,
        rate: float | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._stop = threading.Event()
        self._period = 0.0 if rate is None else 1.0 / rate
        self._clock = clock
        self._sleep = sleep or self._stop.wait  # a wait that `stop` ends
        self._due = -math.inf

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set()

    def stop(self) -> None:
        """End a `wait` or a `pause` that is going on, and all later ones."""
        self._stop.set()

    def pause(self, seconds: float) -> None:
        """Return after so many seconds."""
        self._sleep(seconds)

    def wait(self) -> None:
        """Return when the next picture is due, and schedule the one after it."""
        now = self._clock()
        if now < self._due:
            self._sleep(self._due - now)
        # From the due time, so that sleeping a little too long doesn't add up; but from now when
        # the consumer was slow, so that no burst makes up for it.
        self._due = max(self._due, now) + self._period
