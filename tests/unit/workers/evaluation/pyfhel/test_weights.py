"""Weights of sealed plans are held as long as there is room, and read from the file else."""

import numpy as np
import pytest

from common.ckks.fhe import Context
from compiler.compile import compile_network
from tests.encrypted import sealed
from tests.networks import random_frames, small_network
from workers.evaluation.pyfhel.evaluator import Evaluator
from workers.evaluation.pyfhel.weights import WeightCache


@pytest.mark.parametrize("held", [0, 1, 3, 1000])
@pytest.mark.slow
def test_scores_do_not_depend_on_how_many_weights_are_held(held: int) -> None:
    network = small_network()
    frames = random_frames(network, 10)
    plan = compile_network(network, frames, sealed=True)
    head, context = plan.head, Context(plan.head.parameters)
    context.generate_keys(head.rotations)
    stored = sealed(plan, context)
    cache = WeightCache(held * stored.places[0].size)
    prepared = Evaluator(stored, cache)
    assert cache.used == 0  # nothing is read before it is needed
    for frame in frames[:2]:
        encrypted = [context.encrypt(slots, head.input_scale) for slots in head.lay_out(frame[None])]
        scores = head.read_scores(np.stack([context.decrypt(one) for one in prepared.evaluate(context, encrypted)]))
        assert np.abs(scores[0] - network.scores(frame[None])[0]).max() <= head.error_bound
        assert cache.used == held_bytes(cache.budget, [place.size for place in stored.places])


def held_bytes(budget: int, sizes: list[int]) -> int:
    """What is held of ciphertexts of these sizes, which are used in turn: each one that still finds room."""
    used = 0
    for size in sizes:
        used += size if used + size <= budget else 0
    return used
