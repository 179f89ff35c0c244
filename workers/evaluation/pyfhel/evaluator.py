"""The evaluation of a plan on SEAL's ciphertexts. It knows rotations, products and squares, and no types of layers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from common.ckks.fhe import Ciphertext, Context
from common.errors import NetworkError
from common.plan.plan import Plan
from common.plan.sealed import SealedPlan, structure_of
from common.plan.stage import Stage
from common.plan.walks import passed
from workers.evaluation.pyfhel.weights import Operand, StageWeights, WeightCache, stage_weights
from workers.evaluation.values import Source, Values


@dataclass(frozen=True)
class _Term:
    """A source, rotated by a baby step (slots), times a weight."""

    source: Source
    baby: int
    weight: Operand


@dataclass(frozen=True)
class _Stage:
    stage: Stage
    #: The terms of each target by the giant step (slots) that their sum is rotated by.
    targets: tuple[dict[int, list[_Term]], ...]
    #: Steps (slots): what each baby is made from, and where each giant's sum is rotated to.
    babies: dict[int, int]
    giants: dict[int, int]
    #: Steps (slots): a target is rotated by each in turn, and added to itself.
    folds: tuple[int, ...]
    bias: tuple[Operand | None, ...]
    sealed: bool

    @cached_property
    def sources(self) -> set[Source]:
        """All ciphertexts that the stage reads."""
        return {term.source for giants in self.targets for terms in giants.values() for term in terms}


class Evaluator:
    """A plan with encoded weights, or a sealed plan, whose weights stay in `cache` while it has room.

    Raises `NetworkError` when all weights of a target round to zero.
    """

    def __init__(self, plan: Plan | SealedPlan, cache: WeightCache | None = None) -> None:
        self.head = structure_of(plan).head
        loader = Context(self.head.parameters)
        weights = stage_weights(plan, cache or WeightCache(), loader)
        self._stages = [self._prepare(stage, own) for stage, own in weights]

    def evaluate(self, context: Context, ciphertexts: Sequence[Ciphertext]) -> list[Ciphertext]:
        """The encrypted scores of encrypted frames; the plan's head has the layouts of both.

        `context` holds the evaluation keys of whoever encrypted the frames. Raises `KeySetError` when it lacks one
        that the plan needs, and `PlanError` when the file of a sealed plan was altered.

        About 98 % of the time goes into key switches and products. Relinearisation behind the rescaling would be
        cheaper by a prime, but decryption multiplies the rounding of a third polynomial by the secret's square,
        which costs six bits of precision.
        """
        values = Values(ciphertexts, [stage.sources for stage in self._stages])
        levels = {0: self.head.parameters.levels}
        totals: list[Ciphertext] = []
        for number, stage in enumerate(self._stages, start=1):
            totals = _linear(context, stage, values, levels)
            values.have_read(stage.sources)
            if stage.stage.square:
                for total in totals:
                    _square_in_place(context, total, stage.stage.rescale_first)
            values.add(number, totals)
            levels[number] = stage.stage.leaving_level
        return totals

    def _prepare(self, stage: Stage, weights: StageWeights) -> _Stage:
        frames = self.head.frames_per_ciphertext
        targets: list[dict[int, list[_Term]]] = [{} for _ in range(stage.targets)]
        for target, giant, value, ciphertext, baby, row in stage.terms.tolist():
            weight = weights.weight((value, row))
            if weight is not None:
                term = _Term((value, ciphertext), baby * frames, weight)
                targets[target].setdefault(giant * frames, []).append(term)
        if not all(targets):
            raise NetworkError("all weights of a stage round to zero at the plan's scale; compile with more precision")
        return _Stage(
            stage=stage,
            targets=tuple(targets),
            babies={baby * frames: before * frames for baby, before in stage.babies.items()},
            giants={giant * frames: before * frames for giant, before in stage.giants.items()},
            folds=tuple(step * frames for step in stage.folds),
            bias=tuple(weights.bias(target) for target in range(stage.targets)),
            sealed=self.head.sealed_for is not None,
        )


class _Rotations:
    """The inputs of a stage, at its level, rotated by baby steps (slots): each rotation is made once, when needed."""

    def __init__(self, context: Context, stage: _Stage, values: Values[Ciphertext], levels: dict[int, int]) -> None:
        self._context, self._values, self._levels = context, values, levels
        self._level, self._babies = stage.stage.level, stage.babies
        self._rotations: dict[tuple[Source, int], Ciphertext] = {}

    def get(self, source: Source, baby: int) -> Ciphertext:
        if (source, baby) not in self._rotations:
            for step in (0, *passed(self._babies, [baby])):
                if (source, step) not in self._rotations:
                    self._rotations[source, step] = self._make(source, step)
        return self._rotations[source, baby]

    def _make(self, source: Source, step: int) -> Ciphertext:
        if step:
            before = self._babies[step]
            return self._context.rotated(self._rotations[source, before], step - before)
        surplus = self._levels[source[0]] - self._level
        if surplus:  # a residual connection, from before a square
            return self._context.switched_down(self._values[source], surplus)
        return self._values[source]


def _linear(context: Context, stage: _Stage, values: Values[Ciphertext], levels: dict[int, int]) -> list[Ciphertext]:
    """Each target of a stage, before it is squared; `levels` are those of the values."""
    inputs = _Rotations(context, stage, values, levels)
    totals: list[Ciphertext] = []
    for giants, bias in zip(stage.targets, stage.bias, strict=True):
        total = _sum_of_giants(context, stage, giants, inputs)
        for step in stage.folds:
            context.add_in_place(total, context.rotated(total, step))
        if bias is not None:
            bias.add_in_place(context, total)
        totals.append(total)
    return totals


def _sum_of_giants(context: Context, stage: _Stage, giants: dict[int, list[_Term]], inputs: _Rotations) -> Ciphertext:
    """The sum of products of each giant, rotated by it, all added up: the furthest first, towards the smallest."""
    sums: dict[int, Ciphertext] = {}  # of what has come to each giant
    for giant in (*reversed(passed(stage.giants, giants)), 0):
        if giant in giants:
            inner = _sum_of_products(context, giants[giant], inputs)
            if stage.sealed:
                context.relinearise_in_place(inner)
            _add(context, sums, giant, inner)
        if giant:
            before = stage.giants[giant]
            _add(context, sums, before, context.rotated(sums.pop(giant), giant - before))
    return sums[0]


def _add(context: Context, sums: dict[int, Ciphertext], giant: int, more: Ciphertext) -> None:
    """Add to a giant's sum; its scale is then that of what came last, and so in the end that of the first term."""
    if giant in sums:
        context.add_in_place(more, sums[giant])
    sums[giant] = more


def _sum_of_products(context: Context, terms: list[_Term], inputs: _Rotations) -> Ciphertext:
    first, *others = terms
    inner = first.weight.product(context, inputs.get(first.source, first.baby))
    for term in others:
        context.add_in_place(inner, term.weight.product(context, inputs.get(term.source, term.baby)))
    return inner


def _square_in_place(context: Context, target: Ciphertext, rescale_first: bool) -> None:
    if rescale_first:
        context.rescale_in_place(target)
    context.square_in_place(target)
    context.relinearise_in_place(target)
    context.rescale_in_place(target)
