"""Which frames are worth sending: those with motion, and not too many a second."""

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


class Gate:
    """Admits a frame if it differs enough from the last one admitted and the rate allows it.

    `motion` is the least mean absolute difference, on the scale 0 … 255; `max_rate` the most
    frames a second. None turns either off.
    """

    def __init__(
        self, motion: float | None, max_rate: float | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._motion = motion
        self._interval = 0.0 if max_rate is None else 1.0 / max_rate
        self._clock = clock
        self._last: NDArray[np.uint8] | None = None
        self._next_at = 0.0

    def admits(self, frame: NDArray[np.uint8]) -> bool:
        """Whether this frame (h, w, c) passes; the first always does."""
        now = self._clock()
        if self._last is not None and (now < self._next_at or not self._moved(frame, self._last)):
            return False
        self._last, self._next_at = frame, now + self._interval
        return True

    def _moved(self, frame: NDArray[np.uint8], last: NDArray[np.uint8]) -> bool:
        if self._motion is None:
            return True
        return float(np.abs(frame.astype(np.int16) - last.astype(np.int16)).mean()) >= self._motion
