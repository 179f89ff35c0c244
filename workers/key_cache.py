"""Evaluation keys in memory, within a budget of bytes."""

import ctypes
from collections import OrderedDict
from typing import Protocol

from common.keys.evaluation_keys import EvaluationKeysHeader, decode_evaluation_keys, memory_size
from common.keys.key_needs import Needs
from workers import metrics
from workers.evaluation.loaded_keys import LoadedKeys


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
    """Give the memory that loading and eviction freed back to the system. Without it glibc would hold a third more."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class KeyCache:
    """The key sets that were used last: as many as take no more than `budget` bytes in SEAL, but at least one."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._bytes = 0
        self._entries: OrderedDict[tuple[str, str], LoadedKeys] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, source: KeySource, plan: Needs) -> LoadedKeys | None:
        """Keys that serve a plan, from memory or from their source; None when they aren't there.

        Keys that were replaced at their source are read again; keys that are gone from there still serve. The header
        is checked first: for keys that don't serve the plan nothing else is read, and no other keys are forgotten.

        Raises `KeySetError` when the keys don't serve the plan, `WireError` when they aren't evaluation keys, and what
        the source raises.
        """
        keys = self._entries.get(source.name)
        hit = keys is not None and source.digest in (None, keys.digest)
        metrics.KEY_CACHE.labels("hit" if hit else "miss").inc()
        if keys is None or not hit:
            return self._load(source, plan)
        keys.header.check_serves(plan)
        self._entries.move_to_end(source.name)
        return keys

    def _load(self, source: KeySource, plan: Needs) -> LoadedKeys | None:
        header = source.header()
        if header is None:
            return None
        header.check_serves(plan)
        data = source.read()
        if data is None:
            return None
        self._forget(source.name)
        while self._entries and self._bytes + memory_size(header) > self._budget:
            self._forget(next(iter(self._entries)))  # before it loads others, or both would be in memory at once
        keys = LoadedKeys(*decode_evaluation_keys(data), source.digest)
        self._bytes += memory_size(keys.header)
        self._entries[source.name] = keys
        metrics.KEY_SETS.set(len(self._entries))
        _return_freed_memory()
        return keys

    def _forget(self, name: tuple[str, str]) -> None:
        keys = self._entries.pop(name, None)
        if keys is not None:
            self._bytes -= memory_size(keys.header)
            metrics.KEY_SETS.set(len(self._entries))
