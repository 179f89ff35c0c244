"""Items of a draft that the scores don't need are left out, and those that stay read what they read before."""

import numpy as np

from common.plan.layers import Add, BatchNorm, Polynomial, Recall
from common.plan.network import run_layers
from compiler.onnx.pruning import pruned


def times(factor: float) -> BatchNorm:
    return BatchNorm(np.zeros(2), np.ones(2), np.full(2, factor), np.zeros(2), epsilon=0.0)


def squared() -> Polynomial:
    return Polynomial(np.ones(2), np.zeros(2), np.zeros(2))


def test_what_nothing_reads_goes() -> None:
    items = (times(2), squared(), Recall(0), times(3))
    kept = pruned(items)
    assert [type(item) for item in kept] == [BatchNorm, BatchNorm]
    x = np.random.default_rng(0).normal(size=(4, 2))
    assert np.array_equal(run_layers(kept, x), run_layers(items, x))


def test_sums_read_the_same_outputs_as_before() -> None:
    items = (times(2), squared(), times(5), Recall(1), times(3), Add(0), Recall(-1), squared(), Add(5), Recall(8))
    kept = pruned(items)
    assert [type(item) for item in kept] == [BatchNorm, Polynomial, BatchNorm, Add, Recall, Polynomial, Add]
    x = np.random.default_rng(0).normal(size=(4, 2))
    assert np.array_equal(run_layers(kept, x), run_layers(items, x))


def test_a_network_without_anything_to_prune_stays_as_it_is() -> None:
    items = (times(2), squared(), Add(0), Recall(-1))
    assert pruned(items) == ()
    assert pruned(items[:3]) == items[:3]
    assert pruned(()) == ()
