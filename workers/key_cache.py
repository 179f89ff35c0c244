"""Evaluation keys in memory, within a budget of bytes."""

import ctypes
from collections import OrderedDict
from typing import Protocol

from common.keys.evaluation_keys import EvaluationKeysHeader, decode_evaluation_keys, memory_size
from common.keys.key_needs import Needs
from workers import metrics
from workers.loaded_keys import LoadedKeys


class KeySource(Protocol):
    """Where a key set comes from, as `workers.stored_keys` is.

    `name` is the name of its owner, and its own fingerprint; `digest` is its SHA-256 in hexadecimal, if one was
    announced. The methods may raise errors of the source's own.
    """

    name: tuple[str, str]
    digest: bytes | None

    def header(self) -> EvaluationKeysHeader | None:
        """What the keys can do; None when they aren't there."""

    def read(self) -> bytes | bytearray | None:
        """The keys in the wire form; None when they aren't there."""

    def drop(self) -> None:
        """Forget the keys, which can't be used."""


def _return_freed_memory() -> None:
    """Give what loading and eviction left free back to the system: glibc alone would keep a third more."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class KeyCache:
    """The key sets used last; the oldest go when their SEAL memory exceeds `budget` bytes."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._used = 0
        self._entries: OrderedDict[tuple[str, str], LoadedKeys] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, stored: KeySource, plan: Needs) -> LoadedKeys | None:
        """Keys that serve a plan, from memory or from Redis; None when they aren't there.

        Those that were replaced in Redis are read again; those that are gone from there still serve.
        A header is held against the plan before anything else is read, or forgotten for it.

        Raises `KeySetError` when they don't serve the plan, `WireError` when they aren't evaluation keys, and
        `redis.RedisError`.
        """
        held = self._entries.get(stored.name)
        hit = held is not None and stored.digest in (None, held.digest)
        metrics.KEY_CACHE.labels("hit" if hit else "miss").inc()
        if held is None or not hit:
            return self._load(stored, plan)
        held.header.check_serves(plan)
        self._entries.move_to_end(stored.name)
        return held

    def _load(self, stored: KeySource, plan: Needs) -> LoadedKeys | None:
        header = stored.header()
        if header is None:
            return None
        header.check_serves(plan)
        data = stored.read()
        if data is None:
            return None
        self._forget(stored.name)
        while self._entries and self._used + memory_size(header) > self._budget:
            self._forget(next(iter(self._entries)))  # before loading, or both would be held at once
        loaded = LoadedKeys(*decode_evaluation_keys(data), stored.digest)
        self._used += memory_size(loaded.header)
        self._entries[stored.name] = loaded
        metrics.KEY_SETS.set(len(self._entries))
        _return_freed_memory()
        return loaded

    def _forget(self, name: tuple[str, str]) -> None:
        forgotten = self._entries.pop(name, None)
        if forgotten is not None:
            self._used -= memory_size(forgotten.header)
            metrics.KEY_SETS.set(len(self._entries))
