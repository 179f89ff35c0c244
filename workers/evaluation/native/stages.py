"""A plan's stage in the engine's terms: sources, rotations, sums and terms by their numbers."""

from collections.abc import Sequence
from typing import Any

import blindsight_engine
import numpy as np
from numpy.typing import NDArray

from common.ckks.packing import Residues
from common.errors import NetworkError
from common.plan.plan import PlanHead, Stage
from workers.evaluation.native.operands import Operands, Pair
from workers.evaluation.values import Source


class PreparedStage:
    """A stage for the engine, which packs its weights when it is first used."""

    def __init__(self, head: PlanHead, operands: Operands, ring: blindsight_engine.Ring) -> None:
        self._head, self._ring = head, ring
        #: The ciphertexts that the stage reads, in the order in which the engine gets them.
        self.sources: list[Source] = sorted({(value, number) for _, _, value, number, *_ in _terms(operands)})
        #: Its operands until it is prepared, which then has them.
        self._prepared: Operands | blindsight_engine.Stage = operands

    def prepare(self) -> blindsight_engine.Stage:
        """The engine's stage. Raises `NetworkError` when all weights of a target round to zero, and `PlanError`."""
        if not isinstance(self._prepared, blindsight_engine.Stage):
            self._prepared = self._prepare(self._prepared)
        return self._prepared

    def _prepare(self, operands: Operands) -> blindsight_engine.Stage:
        stage, wiring = operands.stage, _Wiring(operands)
        places = {source: number for number, source in enumerate(self.sources)}
        for target, giant, value, number, baby, row in _terms(operands):
            weight = wiring.weight((value, row))
            if weight is not None:
                rotation = wiring.rotation(places[value, number], self._element(baby))
                wiring.sums.setdefault((target, self._element(giant)), []).append((rotation, weight))
        if len({target for target, _ in wiring.sums}) < stage.targets:
            raise NetworkError("all weights of a stage round to zero at the plan's scale; compile with more precision")
        return blindsight_engine.Stage(
            self._ring,
            stage.level,
            _numbers(list(wiring.rotations), 2),
            _numbers(sorted(wiring.sums), 2),
            _numbers([(at, *term) for at, key in enumerate(sorted(wiring.sums)) for term in wiring.sums[key]], 3),
            wiring.weights,
            [[self._element(step) for step in group] for group in self._fold_groups(stage)],
            [operands.bias(target) for target in range(stage.targets)],
            stage.square,
            stage.rescale_first,
            operands.encrypted,
        )

    def _fold_groups(self, stage: Stage) -> list[list[int]]:
        """Steps of one frame's slots, which are added at once: a pair a, b takes one decomposition with a key of a + b.

        x + rot_a(x), folded by b, is x + rot_a(x) + rot_b(x) + rot_(a+b)(x).
        """
        groups: list[list[int]] = []
        slots = self._head.parameters.slots // self._head.frames_per_ciphertext
        folds = list(stage.folds)
        while folds:
            pair = [*folds[:2], sum(folds[:2]) % slots]
            group = pair if len(folds) > 1 and self._has_key(pair[-1], stage.level) else folds[:1]
            folds = folds[2:] if len(group) > 1 else folds[1:]
            groups.append(group)
        return groups

    def _has_key(self, step: int, level: int) -> bool:
        return self._head.rotations.get(step * self._head.frames_per_ciphertext, -1) >= level

    def _element(self, step: int) -> int:
        """The Galois element of a step of one frame's slots."""
        return self._head.parameters.galois_element(step * self._head.frames_per_ciphertext)


class _Wiring:
    """The stage's rotations and weights by number, as terms are met that use them."""

    def __init__(self, operands: Operands) -> None:
        self.rotations: dict[tuple[int, int], int] = {}
        self.weights = _Weights(operands)
        #: The terms (rotation, weight) of each target and Galois element of its giant.
        self.sums: dict[tuple[int, int], list[tuple[int, int]]] = {}
        self._numbers: dict[Pair, int | None] = {}

    def rotation(self, source: int, element: int) -> int:
        """The number of a source, rotated."""
        return self.rotations.setdefault((source, element), len(self.rotations))

    def weight(self, pair: Pair) -> int | None:
        """The number of a weight; None for one of zeros, whose product adds nothing."""
        if pair not in self._numbers:
            self._numbers[pair] = self.weights.add(pair)
        return self._numbers[pair]


class _Weights(Sequence[Residues]):
    """The weights by number. Each is made when the engine asks for it, which it does once."""

    def __init__(self, operands: Operands) -> None:
        self._operands = operands
        self._pairs: list[Pair] = []

    def add(self, pair: Pair) -> int | None:
        """The number of one more weight; None for one of zeros."""
        if self._operands.is_zero(pair):
            return None
        self._pairs.append(pair)
        return len(self._pairs) - 1

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, number: Any) -> Any:
        return self._operands.weight(self._pairs[number])


def _terms(operands: Operands) -> list[list[int]]:
    terms: list[list[int]] = operands.stage.terms.tolist()
    return terms


def _numbers(rows: list[tuple[int, ...]], columns: int) -> NDArray[np.int64]:
    return np.array(rows, dtype=np.int64).reshape(-1, columns)
