"""A plan's stage in the engine's terms: sources, rotations, sums and terms by their numbers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import blindsight_engine
import numpy as np
from numpy.typing import NDArray

from common.ckks.packing import Residues
from common.errors import NetworkError
from common.plan.folds import fold_groups
from common.plan.plan import PlanHead
from common.plan.walks import passed
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
        stage, weights = operands.stage, _Weights(operands)
        places = {source: number for number, source in enumerate(self.sources)}
        terms = [
            ((target, giant), (places[value, number], baby), weight)
            for target, giant, value, number, baby, row in _terms(operands)
            if (weight := weights.number((value, row))) is not None
        ]
        if len({target for (target, _), *_ in terms}) < stage.targets:
            raise NetworkError("all weights of a stage round to zero at the plan's scale; compile with more precision")
        sums = _walked({of for of, _, _ in terms}, stage.giants)
        rotations = _walked({of for _, of, _ in terms}, stage.babies)
        numbers = {of: number for number, of in enumerate(sums)}, {of: number for number, of in enumerate(rotations)}
        numbered = [(numbers[0][giant], numbers[1][baby], weight) for giant, baby, weight in terms]
        return blindsight_engine.Stage(
            self._ring,
            stage.level,
            _numbers([(place, self._element(step - before)) for (place, step), before in rotations.items()], 2),
            _numbers([(target, self._element(step - before)) for (target, step), before in sums.items()], 2),
            _numbers(sorted(numbered, key=lambda term: term[0]), 3),
            weights,
            [[self._element(step) for step in group] for group in fold_groups(self._head, stage)],
            [operands.bias(target) for target in range(stage.targets)],
            stage.square,
            stage.rescale_first,
            operands.encrypted,
            stage.chained,
        )

    def _element(self, step: int) -> int:
        """The Galois element of a step of one frame's slots."""
        return self._head.parameters.galois_element(step * self._head.frames_per_ciphertext)


class _Weights(Sequence[Residues]):
    """The stage's weights by number, as terms are met that use them; each is made when the engine asks for it, once."""

    def __init__(self, operands: Operands) -> None:
        self._operands = operands
        self._pairs: list[Pair] = []
        self._numbers: dict[Pair, int | None] = {}

    def number(self, pair: Pair) -> int | None:
        """The number of a weight; None for one of zeros, whose product adds nothing."""
        if pair not in self._numbers:
            zero = self._operands.is_zero(pair)
            self._numbers[pair] = None if zero else len(self._pairs)
            if not zero:
                self._pairs.append(pair)
        return self._numbers[pair]

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, number: Any) -> Any:
        return self._operands.weight(self._pairs[number])


def _terms(operands: Operands) -> list[list[int]]:
    terms: list[list[int]] = operands.stage.terms.tolist()
    return terms


def _walked(used: Iterable[tuple[int, int]], path: Mapping[int, int]) -> dict[tuple[int, int], int]:
    """What there must be for pairs (place, step): each in order, and the step that it is made from."""
    steps: dict[int, set[int]] = {}
    for place, step in used:
        steps.setdefault(place, set()).add(step)
    return {
        (place, step): path.get(step, 0)
        for place in sorted(steps)
        for step in sorted({*passed(path, steps[place])} | (steps[place] & {0}))
    }


def _numbers(rows: list[tuple[int, ...]], columns: int) -> NDArray[np.int64]:
    return np.array(rows, dtype=np.int64).reshape(-1, columns)
