"""Which workers run, and what they serve: in Redis, for the bridges and for `blindsight status`.

A worker writes its entry every few seconds. A worker that was killed is forgotten after `TTL_SECONDS`.
"""

from typing import cast

import msgspec
import redis

from common.fleet.junk import count_up, discard_wrong, report_junk

#: Seconds after which a worker announces itself again.
ANNOUNCE_SECONDS = 5.0
#: Seconds for which an entry is kept that isn't announced again.
TTL_SECONDS = 30
#: The key of the set of workers' names.
_NAMES = "blindsight:workers"
#: Beginnings of keys that end with a worker's name: of its entry, and of the number of frames that it answered.
_ENTRY, _ANSWERED = b"blindsight:worker:", b"blindsight:answered:"
#: The number of digits from which on a count of frames isn't believed.
_LONG = 18


class Burst(msgspec.Struct, frozen=True):
    """What a burst for a plan is: exactly so many bytes of ciphertexts, for at most so many frames.

    Ciphertexts with seeds have `seeded_bytes`, and `least_bytes` in the smallest form, which is folded where the plan
    folds. Workers of earlier versions take none, and announce 0.
    """

    bytes: int
    frames: int
    seeded_bytes: int = 0
    least_bytes: int = 0

    @property
    def sizes(self) -> set[int]:
        """The bytes that ciphertexts of a burst may have."""
        return {self.bytes, self.seeded_bytes or self.bytes, self.least_bytes or self.bytes}


class WorkerEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A running worker: what it serves, and how many frames it answered so far.

    `models` has the models' names, and `bursts` the sizes of their bursts, both by the hashes of the plans. Workers of
    earlier versions announce no bursts. `started_at` is Unix time in seconds.
    """

    name: str
    models: dict[str, str]
    concurrency: int
    started_at: float
    answered: int = 0
    bursts: dict[str, Burst] = {}


class Registry:
    """The workers that run. A value that is no entry is thrown away. Every method raises `redis.RedisError`."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis = client

    def announce(self, entry: WorkerEntry) -> None:
        """Write that a worker is there for the next `TTL_SECONDS`."""
        discard_wrong(self._redis, {_NAMES: "set"})
        with self._redis.pipeline() as pipeline:
            pipeline.sadd(_NAMES, entry.name)
            pipeline.set(_entry_key(entry.name), msgspec.json.encode(entry), ex=TTL_SECONDS)
            pipeline.expire(_answered_key(entry.name), TTL_SECONDS)
            pipeline.execute()

    def remove(self, name: str) -> None:
        """Take a worker out, which takes no more frames."""
        self._redis.srem(_NAMES, name)
        self._redis.delete(_entry_key(name))

    def count(self, name: str, frames: int) -> None:
        """Add frames that one of the worker's processes has answered."""
        count_up(self._redis, _answered_key(name), frames, TTL_SECONDS)

    def workers(self) -> list[WorkerEntry]:
        """All workers that run, sorted by name. Workers that were killed are taken out."""
        try:
            members = cast("set[bytes]", self._redis.smembers(_NAMES))
        except redis.ResponseError:
            discard_wrong(self._redis, {_NAMES: "set"})
            return []
        if not members:
            return []
        names = sorted(members)
        encoded = cast("list[bytes | None]", self._redis.mget([_ENTRY + name for name in names]))
        counts = cast("list[bytes | None]", self._redis.mget([_ANSWERED + name for name in names]))
        entries = [_read(*each) for each in zip(names, encoded, counts, strict=True)]
        gone = [name for name, entry in zip(names, entries, strict=True) if entry is None]
        if gone:
            self._redis.srem(_NAMES, *gone)
        return [entry for entry in entries if entry is not None]


def _read(name: bytes, data: bytes | None, count: bytes | None) -> WorkerEntry | None:
    """A worker as it announced itself; None for a worker that is gone, and for a value that is no entry.

    Where an entry is thrown away, its worker writes it again within `ANNOUNCE_SECONDS`.
    """
    if data is None:
        return None
    try:
        entry = msgspec.json.decode(data, type=WorkerEntry)
        if entry.name.encode() != name:
            raise ValueError("it has another name")
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        report_junk("a worker's entry", name=name[:100], error=str(error)[:200])
        return None
    answered = int(count) if count is not None and count.isdigit() and len(count) < _LONG else 0
    return msgspec.structs.replace(entry, answered=answered)


def _entry_key(name: str) -> bytes:
    return _ENTRY + name.encode()


def _answered_key(name: str) -> bytes:
    return _ANSWERED + name.encode()
