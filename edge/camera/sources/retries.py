"""How a camera that fails is tried again."""

import time

from common.errors import BlindsightError, ConfigurationError
from common.logs import get_logger
from edge.camera.sources.pace import Pace

#: Seconds between a failure and the next attempt: the first time, and at most. They double in between.
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
#: Seconds in which a camera has to work for the first time.
_FIRST_SECONDS = 20.0

log = get_logger(__name__)


class Retries:
    """Tries a camera again, a little later each time, for ever, once it has worked; until then for some seconds.

    So an address or a password that is wrong ends the start of a device, while a camera that is away for an hour ends
    nothing. `count` is how often it was tried again, and `trouble` what is wrong now.
    """

    def __init__(self, name: str, pace: Pace) -> None:
        self._name, self._pace = name, pace
        self._started_at = time.monotonic()
        self._has_worked, self._pause = False, _FIRST_PAUSE
        self.count, self.trouble = 0, ""

    def failed(self, error: BlindsightError) -> None:
        """Log a failure, and return when it is time for another attempt; raises it where there is to be none."""
        is_late = time.monotonic() - self._started_at > _FIRST_SECONDS
        if not self._has_worked and (is_late or isinstance(error, ConfigurationError)):
            raise error
        self.trouble = str(error)
        self.count += 1
        log.warning("the camera gives no picture", camera=self._name, reason=self.trouble, next_attempt_s=self._pause)
        self._pace.pause(self._pause)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def worked(self) -> None:
        """The camera gave something; says so if it hadn't before."""
        if self.trouble:
            log.info("the camera gives pictures again", camera=self._name)
        self._has_worked, self._pause, self.trouble = True, _FIRST_PAUSE, ""
