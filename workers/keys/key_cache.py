"""Evaluation keys in memory or in mapped files, within a budget of bytes."""

from collections import OrderedDict
from typing import NamedTuple, Protocol

from common.keys.evaluation_keys import EvaluationKeysHeader
from common.keys.key_needs import Needs
from workers import metrics
from workers.evaluation.engine import Engine, KeyFiles, LoadedKeys
from workers.freed_memory import return_freed_memory


class KeySource(Protocol):
    """Where a key set comes from, as `workers.keys.stored_keys` is.

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


class _Entry(NamedTuple):
    """Loaded keys, and the SHA-256 in hexadecimal that their holder announced, if any."""

    keys: LoadedKeys
    digest: bytes | None


class KeyCache:
    """The key sets that were used last, in memory or mapped.

    In memory there are as many as take no more than `budget` bytes in the engine, but at least one. Where the engine
    can map its keys from `files`, these take their place: the files' own budget is the machine's.
    """

    def __init__(self, budget: int, engine: Engine, files: KeyFiles | None = None) -> None:
        self._budget, self._engine, self._files = budget, engine, files
        self._bytes = 0
        self._entries: OrderedDict[tuple[str, str], _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, source: KeySource, plan: Needs) -> LoadedKeys | None:
        """Keys that serve a plan, from memory, a file or their source; None when they aren't there.

        Keys that were replaced at their source are read again; keys that are gone from there still serve. The header
        is checked first: for keys that don't serve the plan nothing else is read, and no other keys are forgotten.

        Raises `KeySetError` when the keys don't serve the plan, `WireError` when they aren't evaluation keys, and what
        the source raises.
        """
        self._forget_removed()
        entry = self._entries.get(source.name)
        if entry is None or source.digest not in (None, entry.digest):
            return self._find(source, plan) or self._load(source, plan)
        metrics.KEY_CACHE.labels("hit").inc()
        entry.keys.header.check_serves(plan)
        self._entries.move_to_end(source.name)
        entry.keys.use()
        return entry.keys

    def _find(self, source: KeySource, plan: Needs) -> LoadedKeys | None:
        """The keys from a file that there is already."""
        if self._files is None or source.digest is None:
            return None
        keys = self._files.find(source.name, source.digest)
        if keys is None:
            return None
        metrics.KEY_CACHE.labels("mapped").inc()
        keys.header.check_serves(plan)
        return self._hold(source, keys)

    def _load(self, source: KeySource, plan: Needs) -> LoadedKeys | None:
        metrics.KEY_CACHE.labels("miss").inc()
        header = source.header()
        if header is None:
            return None
        header.check_serves(plan)
        data = source.read()
        if data is None:
            return None
        self._forget(source.name)
        keys = None
        if self._files is not None and source.digest is not None:
            keys = self._files.keep(source.name, source.digest, data)
        if keys is None:
            while self._entries and self._bytes + self._engine.keys_size(header) > self._budget:
                self._forget(next(iter(self._entries)))  # before it loads others, or both would be in memory at once
            keys = self._engine.load_keys(data)
        del data
        return_freed_memory()
        return self._hold(source, keys)

    def _hold(self, source: KeySource, keys: LoadedKeys) -> LoadedKeys:
        self._forget(source.name)
        self._bytes += keys.size
        self._entries[source.name] = _Entry(keys, source.digest)
        metrics.KEY_SETS.set(len(self._entries))
        return keys

    def _forget_removed(self) -> None:
        """Let go of files that were removed, maybe by another process: their memory is free once nobody maps them."""
        for name in [name for name, entry in self._entries.items() if entry.keys.removed]:
            self._forget(name)

    def _forget(self, name: tuple[str, str]) -> None:
        entry = self._entries.pop(name, None)
        if entry is not None:
            self._bytes -= entry.keys.size
            metrics.KEY_SETS.set(len(self._entries))
