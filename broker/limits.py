"""How many frames a device may send in a minute, counted in Redis for all bridges together."""

from typing import cast

import redis

WINDOW_SECONDS = 60


class FrameLimit:
    """Admits so many frames of a device in a minute, which begins with its first one; None: all of them.

    A burst counts as many as its device says are in it. It passes while there is room for one frame,
    so that one of more frames than the limit passes too.
    """

    def __init__(self, client: "redis.Redis", per_minute: int | None) -> None:
        self._redis, self._per_minute = client, per_minute

    def admits(self, device: str, frames: int) -> bool:
        """Count a burst's frames, and say whether it may pass. Raises `redis.RedisError`."""
        if self._per_minute is None:
            return True
        key = limit_key(device)
        with self._redis.pipeline() as pipeline:  # one transaction: a count must not stay without its end
            pipeline.set(key, 0, ex=WINDOW_SECONDS, nx=True)
            pipeline.incrby(key, frames)
            _, count = pipeline.execute()
        return cast("int", count) - frames < self._per_minute

    def rest(self, device: str) -> float:
        """Seconds until the device's present minute ends. Raises `redis.RedisError`."""
        return max(self._redis.pttl(limit_key(device)), 0) / 1000


def limit_key(device: str) -> str:
    """Where the frames of a device's present minute are counted."""
    return f"blindsight:limit:{device}"
