"""Which pictures are worth an encryption: those that show motion, and not too many a second."""

import time
from collections.abc import Callable

from common.errors import ConfigurationError
from common.pictures.picture import Picture
from edge.camera.motion import Motion

#: The part of a frame's token that may be missing: times are floats, and ten waits of 0.1 s must make one second.
_TOLERANCE = 1e-6


class Gate:
    """Admits pictures by motion and by rate; None turns either off.

    `motion` is the share of a picture, in percent, that must have moved since the last one that was admitted.
    `max_rate` is in pictures per second; those that come earlier are lost, not delayed. Raises `ConfigurationError`
    when either is out of range, and when there is to be motion and OpenCV isn't installed.
    """

    def __init__(
        self, motion: float | None, max_rate: float | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if motion is not None and not 0 < motion <= 100:
            raise ConfigurationError(f"motion is {motion}; give a percentage of the picture, above 0 and at most 100")
        if max_rate is not None and not max_rate > 0:
            raise ConfigurationError(f"max_rate is {max_rate}; give a number of frames per second above 0")
        self._max_rate, self._clock = max_rate, clock
        self._motion = None if motion is None else Motion()
        self._least = 0.0 if motion is None else motion / 100
        self._news = motion is None
        self._tokens = 1.0
        self._filled_at = clock()

    def admits(self, picture: Picture) -> bool:
        """Whether a picture (h, w, c), in the camera's own size, passes. The first one does, and one of another size.

        Every picture of a camera has to be shown, since the background is learnt from all of them.
        """
        if self._motion is not None and self._motion.share(picture) >= self._least:
            self._news = True
        # Motion first: a picture that shows none must not use up the rate of one that does. Motion that the rate
        # refused is still news in the next picture, though it has become background by then.
        if not self._news or not self._take_token():
            return False
        self._news = self._motion is None
        return True

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
