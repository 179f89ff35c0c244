"""Evaluation keys in memory, within a budget of bytes."""

import ctypes
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from common.evaluation_keys import EvaluationKeysHeader, decode_evaluation_keys, memory_size, read_header
from common.fhe import Context
from workers import metrics

Owner = tuple[str, str]  # device, fingerprint


@dataclass(frozen=True)
class LoadedKeys:
    """A context that holds a key set, and what the keys can do."""

    header: EvaluationKeysHeader
    context: Context


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
        self._entries: OrderedDict[Owner, LoadedKeys] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, owner: Owner, fetch: Callable[[], bytes | None]) -> LoadedKeys | None:
        """The owner's keys, from memory or from `fetch`; None when it has none.

        Raises `WireError` when the bytes fetched aren't evaluation keys.
        """
        metrics.KEY_CACHE.labels("hit" if owner in self._entries else "miss").inc()
        if owner in self._entries:
            self._entries.move_to_end(owner)
            return self._entries[owner]
        data = fetch()
        if data is None:
            return None
        header, _ = read_header(data)
        self._make_room(memory_size(header))  # before loading, or both would be held at once
        loaded = LoadedKeys(*decode_evaluation_keys(data))
        self._used += memory_size(header)
        self._entries[owner] = loaded
        metrics.KEY_SETS.set(len(self._entries))
        _return_freed_memory()
        return loaded

    def _make_room(self, size: int) -> None:
        while self._entries and self._used + size > self._budget:
            _, evicted = self._entries.popitem(last=False)
            self._used -= memory_size(evicted.header)
