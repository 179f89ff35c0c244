"""Evaluation keys in memory, within a budget of bytes."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from common.evaluation_keys import EvaluationKeysHeader, decode_evaluation_keys, memory_size
from common.fhe import Context

Owner = tuple[str, str]  # device, fingerprint


@dataclass(frozen=True)
class LoadedKeys:
    """A context that holds a key set, and what the keys can do."""

    header: EvaluationKeysHeader
    context: Context


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
        if owner in self._entries:
            self._entries.move_to_end(owner)
            return self._entries[owner]
        data = fetch()
        if data is None:
            return None
        loaded = LoadedKeys(*decode_evaluation_keys(data))
        self._make_room(memory_size(loaded.header))
        self._entries[owner] = loaded
        return loaded

    def _make_room(self, size: int) -> None:
        while self._entries and self._used + size > self._budget:
            _, evicted = self._entries.popitem(last=False)
            self._used -= memory_size(evicted.header)
        self._used += size
