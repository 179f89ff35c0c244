"""How many bursts may wait for the fleet, and when a device that was told so shall come again.

Devices keep what is refused, so memory doesn't fill; the only cost of a refusal is an upload in vain.
"""

import random
import time
from dataclasses import dataclass

import redis

from broker.settings import BridgeSettings
from common.fleet.waiting import Bounds, Waiting
from common.wire.messages import Task

#: Seconds of advice, at least and at most.
LEAST, MOST = 1.0, 60.0
#: Seconds over which the fleet's speed is measured; longer pauses between refusals aren't measured.
_SPAN, _PAUSE = 5.0, 15.0
#: Bursts a second, until it was measured, and at least, lest a fleet that returns be left idle for long.
_FIRST_RATE, _LEAST_RATE = 4.0, 0.2
#: Turns are given for a little more than the fleet does, so that a turn nobody takes leaves no worker idle.
_SURPLUS = 1.25


class Turns:
    """Gives refused bursts the times at which there will be room, one after another, at the fleet's speed.

    Its speed is measured only while bursts are refused, since an idle fleet's says nothing.
    Times are seconds of any clock that only goes forward.
    """

    def __init__(self) -> None:
        self._rate = _FIRST_RATE
        self._since: tuple[float, int] | None = None  # when the present measurement began, and what was drained then
        self._refused = float("-inf")
        self._next = 0.0

    def wait(self, now: float, drained: int) -> float:
        """Seconds until a burst that is refused now shall come again; `drained` counts those that left the queue."""
        self._measure(now, drained)
        self._next = max(self._next, now) + 1 / (self._rate * _SURPLUS)
        if self._next - now > MOST:  # more are refused than have turns: they try at random
            self._next = now + MOST
            return random.uniform(MOST / 2, MOST)
        return min(max((self._next - now) * random.uniform(0.8, 1.2), LEAST), MOST)

    def share(self, now: float, drained: int, own: int) -> float:
        """Seconds until half of a device's `own` bursts are done, if others wait too; it takes nobody's time."""
        self._measure(now, drained)
        return min(max(own / self._rate * random.uniform(0.8, 1.2), LEAST), MOST)

    def _measure(self, now: float, drained: int) -> None:
        if self._since is None or now - self._refused > _PAUSE or drained < self._since[1]:
            self._since = now, drained
        self._refused = now
        seconds = now - self._since[0]
        if seconds >= _SPAN:
            self._rate = max((self._rate + (drained - self._since[1]) / seconds) / 2, _LEAST_RATE)
            self._since = now, drained


def bound(most: int, promised: bool) -> int:
    """How many bursts may wait where one comes.

    A part is kept for devices that came at the time they were told: else those that get answers, and send at once,
    would starve the others.
    """
    return most if promised else most - most // 4


@dataclass(frozen=True)
class Refusal:
    """Why a burst may not wait, and in how many seconds it shall come again."""

    detail: str
    retry_in: float


class FlowControl:
    """Admits bursts to the queue up to its bounds, which hold for all bridges together, as do its promises."""

    def __init__(self, client: "redis.Redis", settings: BridgeSettings) -> None:
        self._waiting, self._settings, self._turns = Waiting(client), settings, Turns()
        most, most_bytes = settings.max_queue, settings.max_queue_mb * 1_000_000
        early = bound(most, promised=False), bound(most_bytes, promised=False)
        self._bounds = Bounds(most, most_bytes, *early, settings.max_frames_per_minute)

    def admit(self, task: Task, ciphertext: bytes, message: str) -> Refusal | None:
        """Let a burst wait, with `message` as its device's turn; or say why not. Raises `redis.RedisError`."""
        admission = self._waiting.admit(task, ciphertext, self._settings.frame_ttl, self._bounds, message)
        if admission.verdict == "admitted":
            return None
        if admission.verdict == "quota":
            limit = f"more than {self._settings.max_frames_per_minute} in a minute (--max-frames-per-minute)"
            return Refusal(limit, admission.rest)
        now = time.monotonic()
        if admission.verdict == "share":
            wait = self._turns.share(now, admission.drained, admission.own)
            return Refusal("as much of the device waits as there is room left (--max-queue, --max-queue-mb)", wait)
        wait = self._turns.wait(now, admission.drained)
        self._waiting.promise(task.device, time.time() + wait, seconds=round(2 * MOST))
        return Refusal("as many bursts wait as may (--max-queue, --max-queue-mb)", wait)
