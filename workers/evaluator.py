"""A plan on a ciphertext. The loop knows rotations, products and squares, and no layer types."""

from dataclasses import dataclass

from common.errors import NetworkError
from common.fhe import Ciphertext, Context, Plaintext
from common.plan import Plan, Stage


@dataclass(frozen=True)
class _Term:
    baby: int
    weight: Plaintext


@dataclass(frozen=True)
class _Stage:
    babies: tuple[int, ...]
    giants: tuple[tuple[int, tuple[_Term, ...]], ...]
    folds: tuple[int, ...]
    bias: Plaintext | None
    square: bool


class PreparedPlan:
    """A plan whose weights are encoded, ready for any key set of its parameters.

    Encoding takes about half a second and the memory that `bytes` tells; do it once per process.
    """

    def __init__(self, plan: Plan) -> None:
        self.head = plan.head
        self._encoder = Context(plan.head.parameters)
        self._stages = [self._prepare(stage) for stage in plan.stages]

    def evaluate(self, context: Context, ciphertext: Ciphertext) -> Ciphertext:
        """Encrypted scores, laid out as the plan's head says.

        `context` holds the evaluation keys of whoever encrypted the frame; raises `KeySetError`
        where one that the plan needs is missing. About 98 % of the time goes into key switches
        and products. Relinearising after the rescaling would be cheaper by a prime, but the
        rounding of a third polynomial is multiplied by the secret's square: six bits of noise.
        """
        for stage in self._stages:
            ciphertext = _linear(context, stage, ciphertext)
            if stage.square:
                context.square(ciphertext)
                context.relinearise(ciphertext)
                context.rescale(ciphertext)
        return ciphertext

    def _prepare(self, stage: Stage) -> _Stage:
        encode = self._encoder.encode
        giants: dict[int, list[_Term]] = {}
        for giant, baby, row in stage.terms:
            weight = encode(stage.vectors[row], stage.weight_scale, stage.level)
            if weight is not None:  # SEAL refuses a product with zero
                giants.setdefault(giant, []).append(_Term(baby, weight))
        if not giants:
            raise NetworkError("all weights of a stage round to zero at the plan's scale; compile with more precision")
        bias = encode(stage.bias, stage.input_scale * stage.weight_scale, stage.level)
        return _Stage(
            babies=tuple(sorted({term.baby for terms in giants.values() for term in terms})),
            giants=tuple((giant, tuple(terms)) for giant, terms in sorted(giants.items())),
            folds=stage.folds,
            bias=bias,
            square=stage.square,
        )


def _linear(context: Context, stage: _Stage, ciphertext: Ciphertext) -> Ciphertext:
    rotated = {baby: context.rotate(ciphertext, baby) if baby else ciphertext for baby in stage.babies}
    total: Ciphertext | None = None
    for giant, (first, *others) in stage.giants:
        inner = context.multiply_plain(rotated[first.baby], first.weight)
        for term in others:
            context.add(inner, context.multiply_plain(rotated[term.baby], term.weight))
        if giant:
            inner = context.rotate(inner, giant)
        total = inner if total is None else context.add(total, inner)
    for step in stage.folds:
        total = context.add(context.rotate(total, step), total)
    if stage.bias is not None:
        context.add_plain(total, stage.bias)
    return total
