"""How many bursts may wait for the fleet, and when a device whose burst was refused shall send it again.

Devices keep what is refused, so that the fleet's memory doesn't fill. All that a refusal costs is an upload in vain.
"""

import random
import time
from dataclasses import dataclass

import redis

from broker.settings import BridgeSettings
from common.fleet.waiting import Bounds, WaitingBursts
from common.wire.messages import Task

#: The shortest and the longest time in seconds after which a device is told to come again.
LEAST_WAIT, MOST_WAIT = 1.0, 60.0
#: Seconds over which the fleet's speed is measured.
_SPAN = 5.0
#: Seconds between two refusals beyond which a measurement begins anew.
_PAUSE = 15.0
#: Bursts a second that the fleet is taken to do before its speed was measured.
_FIRST_RATE = 4.0
#: Bursts a second that the fleet is taken to do at least: one that was away and returns isn't left idle for long.
_LEAST_RATE = 0.2
#: Return times that are handed out for each burst that the fleet does. A little more than one, so that no worker is
#: idle where a device doesn't come at its time.
_SURPLUS = 1.25


class ReturnTimes:
    """Gives refused bursts the times at which there will be room, one after another, at the fleet's speed.

    The speed is measured only while bursts are refused: what an idle fleet does says nothing about what it could do.
    Times are in seconds of any clock that only goes forward.
    """

    def __init__(self) -> None:
        self._rate = _FIRST_RATE
        self._since: tuple[float, int] | None = None  # when the present measurement began, and what was drained then
        self._refused = float("-inf")
        self._next = 0.0

    def wait(self, now: float, drained: int) -> float:
        """Seconds until a burst that is refused now shall come again; `drained` bursts have left the queue so far."""
        self._measure(now, drained)
        self._next = max(self._next, now) + 1 / (self._rate * _SURPLUS)
        if self._next - now > MOST_WAIT:  # more bursts are refused than there are times for: these come at random
            self._next = now + MOST_WAIT
            return random.uniform(MOST_WAIT / 2, MOST_WAIT)
        return min(max((self._next - now) * random.uniform(0.8, 1.2), LEAST_WAIT), MOST_WAIT)

    def share(self, now: float, drained: int, own: int) -> float:
        """Seconds until about half of a device's `own` bursts are done, where another device's bursts wait too.

        It reserves no time: the device has room again as soon as bursts of its own are done.
        """
        self._measure(now, drained)
        return min(max(own / self._rate * random.uniform(0.8, 1.2), LEAST_WAIT), MOST_WAIT)

    def _measure(self, now: float, drained: int) -> None:
        if self._since is None or now - self._refused > _PAUSE or drained < self._since[1]:
            self._since = now, drained
        self._refused = now
        seconds = now - self._since[0]
        if seconds >= _SPAN:
            self._rate = max((self._rate + (drained - self._since[1]) / seconds) / 2, _LEAST_RATE)
            self._since = now, drained


def bound(most: int, promised: bool) -> int:
    """How many bursts, or bytes, may wait when a burst comes; `most` is the bound of the queue.

    A quarter of the queue is kept for devices that come at the time that was promised to them. Without it the devices
    that get answers, and send their next burst at once, would starve the others.
    """
    return most if promised else most - most // 4


@dataclass(frozen=True)
class Refusal:
    """Why a burst may not wait, and in how many seconds it shall come again."""

    detail: str
    retry_in: float


class FlowControl:
    """Admits bursts to the queue up to its bounds. Bounds and promises hold for all bridges together."""

    def __init__(self, client: "redis.Redis", settings: BridgeSettings) -> None:
        self._waiting, self._settings, self._times = WaitingBursts(client), settings, ReturnTimes()
        most, most_bytes = settings.max_queue, settings.max_queue_mb * 1_000_000
        early = bound(most, promised=False), bound(most_bytes, promised=False)
        self._bounds = Bounds(most, most_bytes, *early, settings.max_frames_per_minute)

    def admit(self, task: Task, ciphertext: bytes, message: str) -> Refusal | None:
        """Let a burst wait, with `message` as its device's turn, or say why it may not (None where it may).

        Raises `redis.RedisError`.
        """
        admission = self._waiting.admit(task, ciphertext, self._settings.frame_ttl, self._bounds, message)
        if admission.verdict == "admitted":
            return None
        if admission.verdict == "quota":
            limit = f"more than {self._settings.max_frames_per_minute} in a minute (--max-frames-per-minute)"
            return Refusal(limit, admission.rest)
        now = time.monotonic()
        if admission.verdict == "share":
            wait = self._times.share(now, admission.drained, admission.own)
            return Refusal("as much of the device waits as there is room left (--max-queue, --max-queue-mb)", wait)
        wait = self._times.wait(now, admission.drained)
        self._waiting.promise(task.device, time.time() + wait, seconds=round(2 * MOST_WAIT))
        return Refusal("as many bursts wait as may (--max-queue, --max-queue-mb)", wait)
