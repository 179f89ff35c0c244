"""How events get to a target: at least once each, in the order of their record, in a thread of each target's own.

An event waits in the outgoing table until its way says that it has arrived. A process that dies in between sends it
again; the receiver knows a repeated label by its device, job and counter, and a repeated reading by its device, name
and job. An event that can't be sent keeps back those behind it, and is tried again after pauses that grow. Nothing
else waits for that.
"""

import threading
import time

from common.errors import BlindsightError
from common.logs import get_logger
from common.publishing.metrics import ForwardMetrics
from common.publishing.outgoing import Outgoing
from common.publishing.ways.way import Way

#: Seconds between the first two attempts that fail. Each pause is twice the one before, up to the way's longest.
_FIRST_PAUSE = 1.0
#: Seconds without success after which the key holder's health has a problem.
_STILL_SECONDS = 60.0
#: Seconds between two looks at a way for which nothing waits.
_LOOK_SECONDS = 5.0

log = get_logger(__name__)


class Forwarder:
    """Sends the events that wait for a way's target."""

    def __init__(self, outgoing: Outgoing, way: Way, metrics: ForwardMetrics) -> None:
        self._outgoing, self._way, self._metrics = outgoing, way, metrics
        self._new, self._stopping = threading.Event(), threading.Event()
        self._trying_since: float | None = None
        self._thread = threading.Thread(target=self._work, name=f"forward-{way.target}", daemon=True)
        metrics.watch(way.target, lambda: outgoing.waiting(way.target))
        self._thread.start()

    def wake(self) -> None:
        """Look at the outgoing table, since an event was added."""
        self._new.set()

    def problem(self) -> str | None:
        """The check of health: what is wrong, if anything is."""
        since = self._trying_since
        if since is None or time.monotonic() - since < _STILL_SECONDS:
            return None
        return f"nothing could be forwarded to the {self._way.target} for {time.monotonic() - since:.0f} s"

    @property
    def settled(self) -> bool:
        """Whether waiting longer is of no use: all has been sent, or health has a problem."""
        return self.problem() is not None or self._outgoing.waiting(self._way.target) == 0

    def stop(self) -> None:
        """Begin nothing more."""
        self._stopping.set()
        self._new.set()

    def close(self, seconds: float) -> None:
        """Give the events under way so many seconds. Others are sent when the key holder is started again."""
        self.stop()
        self._thread.join(seconds)
        if self._thread.is_alive():
            log.warning("something isn't forwarded yet; it will be at the next start", to=self._way.target)
            self._way.cancel()
        self._way.close()
        self._metrics.forget(self._way.target)

    def _work(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            self._new.clear()
            self._trying_since = self._trying_since or time.monotonic()
            try:
                some = self._forward()
            except BlindsightError as error:
                self._failed(pause, reason=str(error))
            except Exception as error:  # a thread that ended would forward nothing for ever, and say nothing
                self._failed(pause, reason=type(error).__name__, exc_info=True)
            else:
                pause, self._trying_since = _FIRST_PAUSE, None
                if not some:
                    self._new.wait(_LOOK_SECONDS)
                continue
            self._stopping.wait(pause)
            pause = min(2 * pause, self._way.longest_pause)

    def _forward(self) -> bool:
        """Send the first events that wait; returns whether there were any."""
        self._way.keep_up()
        first = self._outgoing.first(self._way.target, self._way.batch)
        if first:
            self._way.send([each.body for each in first])
            self._outgoing.sent(each.number for each in first)
            self._metrics.forwarded(self._way.target, len(first))
        return bool(first)

    def _failed(self, pause: float, **why: object) -> None:
        if self._stopping.is_set():
            return
        self._metrics.failed(self._way.target)
        log.warning("can't forward; trying again", to=self._way.target, again_in_s=pause, **why)
