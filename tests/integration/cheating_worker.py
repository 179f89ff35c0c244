"""`python -m tests.integration.cheating_worker KIND …`: a worker that answers without looking; the rest as usual."""

import sys
from collections.abc import Callable

import msgspec

from blindsight.cli import main
from common.plan.plan import Plan
from common.plan.sealed import SealedPlan, load_served
from workers import preparation
from workers.evaluation.engine import Engine, LoadedKeys, PreparedPlan

Prepare = Callable[[Engine, Plan | SealedPlan], PreparedPlan]


class Replaying:
    """Evaluates a device's first frame, and answers all others with its scores."""

    def __init__(self, plan: PreparedPlan) -> None:
        self._plan, self.head = plan, plan.head
        self._first: bytes | None = None

    def evaluate(self, keys: LoadedKeys, burst: bytes, rounded: bool = False) -> bytes:
        if self._first is None:
            self._first = self._plan.evaluate(keys, burst, rounded)
        return self._first


def favouring(engine: Engine, plan: Plan | SealedPlan) -> PreparedPlan:
    """Another network than the plan's: one that gives the first label to nearly every frame."""
    assert isinstance(plan, Plan)  # sealed weights can't be changed so easily
    *before, last = plan.stages
    layout = plan.head.output_layout[:, : last.bias.shape[1]]
    bias = last.bias + (layout == 0) * 10 * abs(last.bias).max()
    return engine.prepare(Plan(plan.head, (*before, msgspec.structs.replace(last, bias=bias))))


KINDS: dict[str, Prepare] = {
    "replaying": lambda engine, plan: Replaying(engine.prepare(plan)),
    "favouring": favouring,
}

if __name__ == "__main__":
    prepare = KINDS[sys.argv.pop(1)]
    preparation.prepare_plans = lambda paths, engine: {
        plan.head.hash: plan for plan in (prepare(engine, load_served(path)) for path in paths)
    }
    main()
