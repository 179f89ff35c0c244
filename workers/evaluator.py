"""A plan on ciphertexts. The loop knows rotations, products and squares, and no layer types."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from common.errors import NetworkError
from common.fhe import Ciphertext, Context, Plaintext
from common.plan import Plan, Stage

#: Value, and ciphertext within it.
Source = tuple[int, int]
Values = dict[Source, Ciphertext]


@dataclass(frozen=True)
class _Term:
    source: Source
    baby: int
    weight: Plaintext


@dataclass(frozen=True)
class _Stage:
    level: int
    #: By target, by giant step.
    targets: tuple[dict[int, list[_Term]], ...]
    folds: tuple[int, ...]
    bias: tuple[Plaintext | None, ...]
    square: bool

    @cached_property
    def sources(self) -> set[Source]:
        """All ciphertexts that the stage reads."""
        return {term.source for giants in self.targets for terms in giants.values() for term in terms}


class PreparedPlan:
    """A plan whose weights are encoded, ready for any key set of its parameters.

    Encoding takes about half a second for a small network, and a minute for a large one; do it
    once per process.
    """

    def __init__(self, plan: Plan) -> None:
        self.head = plan.head
        self._encoder = Context(plan.head.parameters)
        self._stages = [self._prepare(stage) for stage in plan.stages]
        self._reads = Counter(source for stage in self._stages for source in stage.sources)

    def evaluate(self, context: Context, ciphertexts: Sequence[Ciphertext]) -> list[Ciphertext]:
        """Encrypted scores, laid out as the plan's head says, for inputs laid out so.

        `context` holds the evaluation keys of whoever encrypted the frames; raises `KeySetError`
        where one that the plan needs is missing. About 98 % of the time goes into key switches
        and products. Relinearising after the rescaling would be cheaper by a prime, but the
        rounding of a third polynomial is multiplied by the secret's square: six bits of noise.
        """
        values: Values = {(0, number): ciphertext for number, ciphertext in enumerate(ciphertexts)}
        levels = {0: self.head.parameters.levels}
        left = dict(self._reads)
        totals: list[Ciphertext] = []
        for number, stage in enumerate(self._stages, start=1):
            totals = _linear(context, stage, values, levels)
            for source in stage.sources:
                left[source] -= 1
                if not left[source]:
                    del values[source]  # a large network's values would fill the memory
            if stage.square:
                for total in totals:
                    context.square(total)
                    context.relinearise(total)
                    context.rescale(total)
            values.update({(number, target): total for target, total in enumerate(totals)})
            levels[number] = stage.level - 1
        return totals

    def _prepare(self, stage: Stage) -> _Stage:
        frames, slots = self.head.frames_per_ciphertext, stage.bias.shape[1]
        targets: list[dict[int, list[_Term]]] = [{} for _ in range(stage.targets)]
        encoded: dict[tuple[int, int], Plaintext | None] = {}
        for target, giant, value, ciphertext, baby, row in stage.terms.tolist():
            key = (value, row)
            if key not in encoded:
                vector = np.tile(stage.vectors[row].astype(np.float64), slots // stage.vectors.shape[1])
                encoded[key] = self._encode(vector, stage.weight_scales[value], stage.level)
            weight = encoded[key]
            if weight is not None:  # SEAL refuses a product with zero
                term = _Term((value, ciphertext), baby * frames, weight)
                targets[target].setdefault(giant * frames, []).append(term)
        if not all(targets):
            raise NetworkError("all weights of a stage round to zero at the plan's scale; compile with more precision")
        return _Stage(
            level=stage.level,
            targets=tuple(targets),
            folds=tuple(step * frames for step in stage.folds),
            bias=tuple(self._encode(row, stage.product_scale, stage.level) for row in stage.bias),
            square=stage.square,
        )

    def _encode(self, vector: np.ndarray[tuple[int], np.dtype[np.float64]], scale: float, level: int) -> Plaintext:
        """Encode one frame's slots, the same for all frames of a ciphertext."""
        return self._encoder.encode(np.repeat(vector, self.head.frames_per_ciphertext), scale, level)


class _Rotations:
    """The inputs of a stage at its level, each rotated by the babies that are asked for, once."""

    def __init__(self, context: Context, level: int, values: Values, levels: dict[int, int]) -> None:
        self._context, self._level, self._values, self._levels = context, level, values, levels
        self._done: dict[tuple[Source, int], Ciphertext] = {}

    def get(self, source: Source, baby: int) -> Ciphertext:
        if (source, baby) not in self._done:
            if baby:
                rotated = self._context.rotate(self.get(source, 0), baby)
            else:
                surplus = self._levels[source[0]] - self._level
                rotated = self._values[source]
                if surplus:  # a residual connection, from before a square
                    rotated = self._context.switch_down(rotated, surplus)
            self._done[source, baby] = rotated
        return self._done[source, baby]


def _linear(context: Context, stage: _Stage, values: Values, levels: dict[int, int]) -> list[Ciphertext]:
    inputs = _Rotations(context, stage.level, values, levels)
    totals: list[Ciphertext] = []
    for giants, bias in zip(stage.targets, stage.bias, strict=True):
        total: Ciphertext | None = None
        for giant, terms in giants.items():
            inner = _products(context, terms, inputs)
            if giant:
                inner = context.rotate(inner, giant)
            total = inner if total is None else context.add(total, inner)
        for step in stage.folds:
            total = context.add(context.rotate(total, step), total)
        if bias is not None:
            context.add_plain(total, bias)
        totals.append(total)
    return totals


def _products(context: Context, terms: list[_Term], inputs: _Rotations) -> Ciphertext:
    first, *others = terms
    inner = context.multiply_plain(inputs.get(first.source, first.baby), first.weight)
    for term in others:
        context.add(inner, context.multiply_plain(inputs.get(term.source, term.baby), term.weight))
    return inner
