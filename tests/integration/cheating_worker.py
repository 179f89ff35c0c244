"""`python -m tests.integration.cheating_worker KIND …`: a worker that answers without looking; the rest as usual."""

import sys
from collections.abc import Sequence

import msgspec

from blindsight.cli import main
from common.ckks.fhe import Ciphertext, Context
from common.plan.plan import Plan
from common.plan.sealed import SealedPlan
from workers.evaluation import burst_evaluation
from workers.evaluation.evaluator import PreparedPlan
from workers.evaluation.weights import WeightCache


class Replaying(PreparedPlan):
    """Evaluates a device's first frame, and answers all others with its scores."""

    _first: list[Ciphertext] | None = None

    def evaluate(self, context: Context, ciphertexts: Sequence[Ciphertext]) -> list[Ciphertext]:
        if self._first is None:
            self._first = super().evaluate(context, ciphertexts)
        return self._first


class Favouring(PreparedPlan):
    """Evaluates another network than the plan's: one that gives the first label to nearly every frame."""

    def __init__(self, plan: Plan | SealedPlan, cache: WeightCache | None = None) -> None:
        assert isinstance(plan, Plan)  # sealed weights can't be changed so easily
        *before, last = plan.stages
        layout = plan.head.output_layout[:, : last.bias.shape[1]]
        bias = last.bias + (layout == 0) * 10 * abs(last.bias).max()
        super().__init__(Plan(plan.head, (*before, msgspec.structs.replace(last, bias=bias))), cache)


KINDS: dict[str, type[PreparedPlan]] = {
    "replaying": Replaying,
    "favouring": Favouring,
}

if __name__ == "__main__":
    burst_evaluation.PreparedPlan = KINDS[sys.argv.pop(1)]  # type: ignore[misc,assignment]
    main()
