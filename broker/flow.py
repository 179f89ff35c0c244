"""How many bursts may wait for the fleet, and when a device that was told so shall come again.

Devices keep what is refused, so memory doesn't fill; the only cost of a refusal is an upload in vain.
"""

import random
import time
from typing import cast

import redis

from broker.settings import BridgeSettings
from common.topics import FrameTopic
from common.waiting import Waiting

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


class FlowControl:
    """Admits bursts to the queue up to its bounds, which hold for all bridges together, as do its promises."""

    def __init__(self, client: "redis.Redis", settings: BridgeSettings) -> None:
        self._redis, self._waiting, self._settings, self._turns = client, Waiting(client), settings, Turns()

    def wait(self, topic: FrameTopic, size: int) -> float | None:
        """None when a burst of `size` bytes may join the queue; else seconds until it shall come again.

        Raises `redis.RedisError`.
        """
        now, promise = time.time(), f"blindsight:turn:{topic.device}"
        promised = now >= float(cast("bytes | None", self._redis.get(promise)) or "inf")
        admitted, depth = self._waiting.admit(
            topic.device,
            topic.job,
            size,
            seconds=self._settings.frame_ttl,
            most=bound(self._settings.max_queue, promised),
            most_bytes=bound(self._settings.max_queue_mb * 1_000_000, promised),
        )
        if admitted:
            if promised:
                self._redis.delete(promise)
            return None
        wait = self._turns.wait(time.monotonic(), depth.drained)
        self._redis.set(promise, now + wait, ex=round(2 * MOST))
        return wait
