"""Which frames are worth an encryption: those that show motion, and not too many a second."""

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigurationError

#: The part of a frame's token that may be missing: times are floats, and ten waits of 0.1 s must make one second.
_TOLERANCE = 1e-6


class Gate:
    """Admits frames by motion and by rate; None turns either off.

    `motion` is the mean absolute difference to the last admitted frame, 0 … 255, that counts as
    motion. `max_rate` is in frames per second; frames that come earlier are lost, not delayed.
    Raises `ConfigurationError` when either is out of range.
    """

    def __init__(
        self, motion: float | None, max_rate: float | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if motion is not None and not 0 <= motion <= 255:
            raise ConfigurationError(f"motion is {motion}; give a mean difference from 0 to 255")
        if max_rate is not None and not max_rate > 0:
            raise ConfigurationError(f"max_rate is {max_rate}; give a number of frames per second above 0")
        self._motion, self._max_rate, self._clock = motion, max_rate, clock
        self._reference: NDArray[np.int16] | None = None
        self._tokens = 1.0
        self._filled_at = clock()

    def admits(self, frame: NDArray[np.uint8]) -> bool:
        """Whether a frame (h, w, c) passes; one that does becomes the reference for motion.

        The first one always passes, and so does one of another shape than the reference.
        """
        # Motion first: a frame that shows none must not use up the rate of one that does.
        if not self._moved(frame) or not self._take_token():
            return False
        if self._motion is not None:
            self._reference = frame.astype(np.int16)  # a copy, which can hold negative differences
        return True

    def _moved(self, frame: NDArray[np.uint8]) -> bool:
        if self._motion is None or self._reference is None or self._reference.shape != frame.shape:
            return True
        return float(np.abs(self._reference - frame).mean()) >= self._motion

    def _take_token(self) -> bool:
        """Token bucket of depth 1: no burst after a pause."""
        if self._max_rate is None:
            return True
        now = self._clock()
        self._tokens = min(1.0, self._tokens + (now - self._filled_at) * self._max_rate)
        self._filled_at = now
        if self._tokens < 1.0 - _TOLERANCE:
            return False
        self._tokens -= 1.0
        return True
