"""Evaluation keys in the form in which the engine computes with them, which is that of one build and one path."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import blindsight_engine
from blindsight_engine import _engine

from common.ckks.packing import Residues
from common.ckks.parameters import Parameters
from common.errors import WireError
from common.keys.evaluation_keys import EvaluationKeysHeader, SwitchingKey, read_keys
from workers.evaluation.engine import LoadedKeys

#: The engine's number of the relinearisation key, among the Galois elements of rotation keys.
_RELINEARISATION = 0


class KeyWords(NamedTuple):
    """One key in the engine's own form: its Galois element (0 is the relinearisation key), its level, and its words."""

    element: int
    level: int
    words: Residues


@dataclass(frozen=True)
class NativeKeys(LoadedKeys):
    """Keys in the engine's own form."""

    keys: blindsight_engine.Keys


class KeyForms:
    """Makes keys of their wire form. `ring` gives the tables of parameters, and `path` is that of the engine's code."""

    def __init__(self, ring: Callable[[Parameters], blindsight_engine.Ring], path: str) -> None:
        self._ring, self._path = ring, path

    @property
    def name(self) -> str:
        """What distinguishes this form from those of other builds and paths."""
        return f"{_build()}-{self._path}"

    def read(self, data: bytes | bytearray) -> tuple[EvaluationKeysHeader, Iterator[KeyWords]]:
        """The header of a wire form, and each key, made when it is taken.

        Raises `WireError` for other bytes and for a key of zeros, some of them as a key is taken.
        """
        header, keys = read_keys(data)
        return header, (self._words(header.parameters, key) for key in keys)

    def open(self, header: EvaluationKeysHeader, keys: Sequence[KeyWords]) -> NativeKeys:
        """Keys for stages, from words that aren't copied. Raises `ValueError` for words of another length."""
        return NativeKeys(header, sum(key.words.nbytes for key in keys), self.hold(header, keys))

    def hold(self, header: EvaluationKeysHeader, keys: Iterable[KeyWords]) -> blindsight_engine.Keys:
        """The engine's object for these keys, as `open` makes it."""
        held = blindsight_engine.Keys(self._ring(header.parameters))
        for key in keys:
            held.add_words(key.element, key.level, key.words)
        return held

    def _words(self, parameters: Parameters, key: SwitchingKey) -> KeyWords:
        if not key.residues[0, 1].any():  # SEAL would refuse what such a key makes of a ciphertext: it isn't hidden
            raise WireError("bursts can't be evaluated under these keys, which are no real ones: one is zero")
        element = parameters.galois_element(key.step) if key.step else _RELINEARISATION
        alone = blindsight_engine.Keys(self._ring(parameters))
        alone.add(element, key.level, key.residues)
        return KeyWords(element, key.level, alone.words(element))


@cache
def _build() -> str:
    """A digest of the engine's own code, whose every build may have another form."""
    return hashlib.sha256(Path(_engine.__file__).read_bytes()).hexdigest()[:16]
