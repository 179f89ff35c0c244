"""Which workers run, and what they serve, in Redis for the bridges and for whoever looks on.

A worker writes its entry every few seconds. One that was killed is forgotten after `TTL_SECONDS`.
"""

from typing import cast

import msgspec
import redis

from common.fleet.junk import count_up, discard_wrong, thrown_away

ANNOUNCE_SECONDS = 5.0
TTL_SECONDS = 30
_NAMES = "blindsight:workers"
#: Before a worker's name: its entry, and how many frames it answered.
_ENTRY, _ANSWERED = b"blindsight:worker:", b"blindsight:answered:"
#: Digits that no count has.
_LONG = 18


class Burst(msgspec.Struct, frozen=True):
    """What a burst for a plan is: bytes of its ciphertexts, exactly, and frames, at most."""

    bytes: int
    frames: int


class WorkerEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A running worker: the models it serves by the hashes of their plans, and the frames that it answered so far.

    `bursts` are by the hashes of plans too; workers of earlier versions don't say them.
    """

    name: str
    models: dict[str, str]
    concurrency: int
    started_at: float
    answered: int = 0
    bursts: dict[str, Burst] = {}


class Registry:
    """The workers that run. What isn't an entry is thrown away. Every method raises `redis.RedisError`."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis = client

    def announce(self, entry: WorkerEntry) -> None:
        """The worker is there for the next `TTL_SECONDS`."""
        discard_wrong(self._redis, {_NAMES: "set"})
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
        count_up(self._redis, _answered_key(name), frames, TTL_SECONDS)

    def workers(self) -> list[WorkerEntry]:
        """All workers that run, by name. Those that were killed are taken out."""
        try:
            members = cast("set[bytes]", self._redis.smembers(_NAMES))
        except redis.ResponseError:
            discard_wrong(self._redis, {_NAMES: "set"})
            return []
        if not members:
            return []
        names = sorted(members)
        entries = cast("list[bytes | None]", self._redis.mget([_ENTRY + name for name in names]))
        counts = cast("list[bytes | None]", self._redis.mget([_ANSWERED + name for name in names]))
        found = [_read(*each) for each in zip(names, entries, counts, strict=True)]
        gone = [name for name, entry in zip(names, found, strict=True) if entry is None]
        if gone:
            self._redis.srem(_NAMES, *gone)
        return [entry for entry in found if entry is not None]


def _read(name: bytes, data: bytes | None, count: bytes | None) -> WorkerEntry | None:
    """A worker as it announced itself; None for one that is gone, or isn't one. A worker says so again in seconds."""
    if data is None:
        return None
    try:
        entry = msgspec.json.decode(data, type=WorkerEntry)
        if entry.name.encode() != name:
            raise ValueError("it has another name")
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        thrown_away("a worker's entry", name=name[:100], error=str(error)[:200])
        return None
    answered = int(count) if count is not None and count.isdigit() and len(count) < _LONG else 0
    return msgspec.structs.replace(entry, answered=answered)


def _entry_key(name: str) -> bytes:
    return _ENTRY + name.encode()


def _answered_key(name: str) -> bytes:
    return _ANSWERED + name.encode()
