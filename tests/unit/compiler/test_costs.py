"""What a plan is predicted to cost is what the reference evaluator does: its operations are counted as it runs."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from common.ckks.fhe import Ciphertext, Context, Plaintext
from common.errors import CapacityError
from common.plan.costs import shipped_costs
from common.plan.network import Network
from common.plan.plan import Plan
from common.plan.predictions import stage_work
from compiler.compile import compile_network
from tests.encrypted import sealed as seal_for_tests
from tests.networks import networks, random_frames
from tests.unit.compiler.compilation import compilation_of
from workers.evaluation.pyfhel.evaluator import Evaluator
from workers.evaluation.pyfhel.weights import WeightCache

#: Random weights may amplify errors beyond any chain's precision; here only what is done is in question.
LOOSE = 0.5
SEVERAL = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class CountingContext(Context):
    """Counts each operation by its name and the level of its ciphertext."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan.head.parameters)
        self.counts = Counter[tuple[str, int]]()
        self.generate_keys(plan.head.rotations)

    def _count(self, operation: str, ciphertext: Ciphertext) -> None:
        self.counts[operation, self.save_ciphertext(ciphertext).shape[1] - 1] += 1

    def rotated(self, ciphertext: Ciphertext, step: int) -> Ciphertext:
        self._count("rotate", ciphertext)
        return super().rotated(ciphertext, step)

    def relinearise_in_place(self, target: Ciphertext) -> None:
        self._count("relinearise", target)
        super().relinearise_in_place(target)

    def product_with_plaintext(self, ciphertext: Ciphertext, plaintext: Plaintext) -> Ciphertext:
        self._count("multiply", ciphertext)
        return super().product_with_plaintext(ciphertext, plaintext)

    def product(self, ciphertext: Ciphertext, other: Ciphertext) -> Ciphertext:
        self._count("product", ciphertext)
        return super().product(ciphertext, other)

    def square_in_place(self, target: Ciphertext) -> None:
        self._count("square", target)
        super().square_in_place(target)

    def rescale_in_place(self, target: Ciphertext) -> None:
        self._count("rescale", target)
        super().rescale_in_place(target)


def counts_of(plan: Plan, network: Network) -> Counter[tuple[str, int]]:
    """Operations of one evaluation, by name and level."""
    context = CountingContext(plan)
    prepared = Evaluator(seal_for_tests(plan, context) if plan.head.for_sealing else plan, WeightCache())
    slots = plan.head.lay_out(random_frames(network, 1))
    context.counts.clear()
    prepared.evaluate(context, [context.encrypt(one, plan.head.input_scale) for one in slots])
    return context.counts


def random_plan(network: Network, frames: int, sealed: bool, small: bool) -> Plan:
    try:
        plan = compile_network(network, random_frames(network, 8), 128, LOOSE, frames, sealed=sealed, small=small)
    except CapacityError:
        reject()
    if not sealed and _has_plaintext_of_zeros(plan):  # the evaluator leaves its products out
        reject()
    return plan


def _has_plaintext_of_zeros(plan: Plan) -> bool:
    context, frames = Context(plan.head.parameters), plan.head.frames_per_ciphertext
    return any(
        context.encode(stage.slots_of_vector(row, frames), stage.weight_scales[value], stage.level) is None
        for stage in plan.stages
        for value, row in np.unique(stage.terms[:, [2, 5]], axis=0).tolist()
    )


CASES = given(networks(largest_side=6, most_stages=3), st.sampled_from([1, 64, 1024]), st.booleans(), st.booleans())


@pytest.mark.slow
@SEVERAL
@CASES
def test_predicted_operations_are_those_of_an_evaluation(
    network: Network, frames: int, sealed: bool, small: bool
) -> None:
    plan = random_plan(network, frames, sealed, small)
    counts = counts_of(plan, network)
    products, expected = "product" if sealed else "multiply", Counter[tuple[str, int]]()
    for stage in plan.stages:
        expected["rotate", stage.level] += stage.rotations
        expected[products, stage.level] += len(stage.terms)
        expected["relinearise", stage.level] += stage.inner_sums if sealed else 0
        if stage.square:
            squared = stage.level - stage.rescale_first
            for operation in ("square", "relinearise"):
                expected[operation, squared] += stage.targets
            for level in range(stage.level, stage.leaving_level, -1):
                expected["rescale", level] += stage.targets
    assert counts == +expected
    for stage in plan.stages:
        work = stage_work(plan, stage)
        assert (work.rotations, work.products) == (stage.rotations, len(stage.terms))
        assert (work.sums, work.targets * work.square) == (stage.inner_sums, stage.targets * stage.square)


@pytest.mark.slow
@SEVERAL
@CASES
def test_layouts_compete_by_the_time_that_their_plan_is_predicted_to_take(
    network: Network, frames: int, sealed: bool, small: bool
) -> None:
    try:
        compilation = compilation_of(network, random_frames(network, 8), LOOSE, frames, sealed, small)
    except CapacityError:
        reject()
    plan, costs = compilation.plan, shipped_costs()
    # A key of the plan may happen to be that of two folds, and spare the decomposition between them.
    apart = [stage_work(plan, stage)._replace(fold_groups=(1,) * len(stage.folds)) for stage in plan.stages]
    dimension = plan.head.parameters.ring_dimension
    predicted = [costs.stage_ms(work, dimension, stage.level) for work, stage in zip(apart, plan.stages, strict=True)]
    assert np.allclose(compilation.ring.candidate.stage_ms, predicted)
