"""Which workers run, and what they serve, in Redis for the bridges and for whoever looks on.

A worker writes its entry every few seconds. One that was killed is forgotten after `TTL_SECONDS`.
"""

from typing import cast

import msgspec
import redis

ANNOUNCE_SECONDS = 5.0
TTL_SECONDS = 30
_NAMES = "blindsight:workers"


class WorkerEntry(msgspec.Struct, frozen=True):
    """A running worker: the models it serves by the hashes of their plans, and the frames that it answered so far."""

    name: str
    models: dict[str, str]
    concurrency: int
    started_at: float
    answered: int = 0


class Registry:
    """The workers that run. Every method raises `redis.RedisError`."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis = client

    def announce(self, entry: WorkerEntry) -> None:
        """The worker is there for the next `TTL_SECONDS`."""
        with self._redis.pipeline() as pipeline:
            pipeline.sadd(_NAMES, entry.name)
            pipeline.set(_entry_key(entry.name), msgspec.json.encode(entry), ex=TTL_SECONDS)
            pipeline.expire(_answered_key(entry.name), TTL_SECONDS)
            pipeline.execute()

    def remove(self, name: str) -> None:
        """The worker takes no more frames."""
        self._redis.srem(_NAMES, name)
        self._redis.delete(_entry_key(name))

    def count(self, name: str, frames: int) -> None:
        """One of the worker's processes has answered so many frames."""
        with self._redis.pipeline() as pipeline:
            pipeline.incrby(_answered_key(name), frames)
            pipeline.expire(_answered_key(name), TTL_SECONDS)
            pipeline.execute()

    def workers(self) -> list[WorkerEntry]:
        """All workers that run, by name. Those that were killed are taken out."""
        members = cast("set[bytes]", self._redis.smembers(_NAMES))
        names = sorted(name.decode() for name in members)
        if not names:
            return []
        entries = self._redis.mget([_entry_key(name) for name in names])
        counts = self._redis.mget([_answered_key(name) for name in names])
        gone = [name for name, entry in zip(names, entries, strict=True) if entry is None]
        if gone:
            self._redis.srem(_NAMES, *gone)
        return [
            msgspec.structs.replace(msgspec.json.decode(entry, type=WorkerEntry), answered=int(count or 0))
            for entry, count in zip(entries, counts, strict=True)
            if entry is not None
        ]


def _entry_key(name: str) -> str:
    return f"blindsight:worker:{name}"


def _answered_key(name: str) -> str:
    return f"blindsight:answered:{name}"
