"""The search finds the cheapest sequence of layouts and transforms, as trying all of them does."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from common.ckks.parameters import RING_DIMENSIONS
from common.plan.costs import Costs, shipped_costs
from common.plan.layers import Add, Flatten
from common.plan.network import Network
from compiler.layout import Layout, input_layouts, polyphase, raster
from compiler.search import _INPUT_ROTATIONS, _orders, _readers, cheapest, with_times
from compiler.stages import Affine, depths, fold, normalise
from compiler.transform import Input, transforms
from tests.networks import networks, random_conv, random_dense, random_frames, random_polynomial

DIMENSION = 4096
#: Sequences that one example may have: trying a thousand takes seconds.
_MOST_SEQUENCES = 400
TIMES = st.floats(0.01, 10)


@st.composite
def costs(draw: st.DrawFn) -> Costs:
    """Times of either engine, with dear rotations or dear products."""

    def times() -> dict[int, float]:
        return dict.fromkeys(RING_DIMENSIONS, draw(TIMES))

    return Costs(draw(st.sampled_from(["native", "pyfhel"])), times(), times(), times(), times(), times())


def folded(network: Network) -> list[Affine]:
    x = network.input_values(random_frames(network, 4)).reshape(4, -1)
    return normalise(fold(network), x)[0]


def all_costs(stages: Sequence[Affine], slots: int, costs: Costs, sealed: bool) -> Iterator[float]:
    """Of every layout of the input, each with every sequence of transforms; in ms."""
    levels = [max(depths(stages)) - depth for depth in depths(stages)]
    orders = [_orders(stages, index) for index in range(len(stages))]

    def behind(inputs: dict[int, Any], layouts: tuple[Layout, ...]) -> Iterator[float]:
        index = len(layouts) - 1
        if index == len(stages):
            yield 0.0
            return
        stage, last = stages[index], index == len(stages) - 1
        reads = [
            Input(value, layouts[value], matrix if value else inputs[index])
            for value, matrix in sorted(stage.matrices.items(), reverse=True)
        ]
        price = partial(costs.stage_ms, ring_dimension=DIMENSION, level=levels[index])
        for transform in transforms(reads, stage.shape, orders[index], last, _readers(stages, index), price, sealed):
            ms = price(transform.work._replace(square=not last, encrypted=sealed))
            for rest in behind(inputs, (*layouts, transform.output)):
                yield ms + rest

    for layout, windows in input_layouts(stages[0], orders[0], slots):
        readers = [index for index, stage in enumerate(stages) if 0 in stage.matrices]
        inputs = {index: layout.read_by(stages[index], windows if index == 0 else None) for index in readers}
        if all(matrix is not None for matrix in inputs.values()):
            sending = layout.layout.ciphertexts * _INPUT_ROTATIONS * costs.rotation_ms(DIMENSION, levels[0])
            yield from (sending + ms for ms in behind(inputs, (layout.layout,)))


def check_least(stages: Sequence[Affine], slots: int, costs: Costs, sealed: bool) -> None:
    least, sequences = float("inf"), 0
    for cost in all_costs(stages, slots, costs, sealed):
        least, sequences = min(least, cost), sequences + 1
        assume(sequences <= _MOST_SEQUENCES)
    candidate = cheapest(stages, DIMENSION, slots, costs, sealed)
    assert candidate is not None
    assert candidate.cost == pytest.approx(least)


@pytest.mark.slow
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(networks(largest_side=5, most_stages=3), st.sampled_from([16, 64, 2048]), costs(), st.booleans())
def test_no_sequence_of_layouts_and_transforms_is_cheaper(
    network: Network, slots: int, costs: Costs, sealed: bool
) -> None:
    check_least(folded(network), slots, costs, sealed)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(networks(largest_side=3, most_stages=2), st.sampled_from([16, 64]), costs(), st.booleans())
def test_for_a_stage_or_two_no_sequence_is_cheaper(network: Network, slots: int, costs: Costs, sealed: bool) -> None:
    check_least(folded(network), slots, costs, sealed)


def test_early_rescalings_are_priced_at_the_levels_that_they_add() -> None:
    """Rescaling early at depth 1 puts the stages at depths 0 and 1 a level higher, but not the squares at depth 1."""
    rng = np.random.default_rng(1)
    convolutions = [random_conv(rng, 1, 1, (3, 3), padding=1) for _ in range(2)]
    activations = [random_polynomial(rng, 1) for _ in range(2)]
    layers = (convolutions[0], activations[0], convolutions[1], Add(1), activations[1], Flatten())
    network = Network("n", (4, 4, 1), ("a",), (*layers, random_dense(rng, 1, 16)))
    stages = folded(network)
    costs = shipped_costs()
    candidate = cheapest(stages, DIMENSION, 64, costs, sealed=True)
    assert candidate is not None
    works = [one.work._replace(encrypted=True, square=number < 2) for number, one in enumerate(candidate.transforms)]
    early = with_times(candidate, stages, DIMENSION, costs, (1,), sealed=True)
    works[1] = works[1]._replace(early=True)
    expected = [costs.stage_ms(work, DIMENSION, level) for work, level in zip(works, (3, 2, 0), strict=True)]
    assert early.stage_ms == pytest.approx(expected)
    plain = with_times(candidate, stages, DIMENSION, costs, (), sealed=True)
    assert plain.stage_ms == pytest.approx(candidate.stage_ms)


def test_where_slots_are_left_a_convolution_takes_several_diagonals_at_once_as_a_dense_layer_does() -> None:
    rng = np.random.default_rng(1)
    first = (random_conv(rng, 16, 1, (3, 3), stride=2, padding=1), random_polynomial(rng, 16))
    second = (random_conv(rng, 16, 16, (3, 3), padding=1), random_polynomial(rng, 16))
    network = Network("n", (8, 8, 1), ("a",), (*first, *second, Flatten(), random_dense(rng, 1, 256)))
    candidate = cheapest(folded(network), 8192, 4096, shipped_costs(), sealed=False)
    assert candidate is not None
    copies = len(candidate.layout(1).copies(256)[0])
    assert copies == 8
    assert candidate.transforms[1].products == 16 * 9 // copies


def test_what_two_strides_read_in_turn_is_contiguous_by_the_phases_of_both() -> None:
    rng = np.random.default_rng(1)
    layers = [
        layer for _ in range(3) for layer in (random_conv(rng, 1, 1, (2, 2), stride=2), random_polynomial(rng, 1))
    ]
    network = Network("n", (16, 16, 1), ("a",), (*layers, Flatten(), random_dense(rng, 1, 4)))
    orders = _orders(folded(network), 0)
    expected = (raster(8, 8), polyphase(8, 8, 2), polyphase(8, 8, 2, 2))
    assert all(np.array_equal(*pair) for pair in zip(orders, expected, strict=True))
    behind = polyphase(4, 4, 2).reshape(4, 4)
    for y, x in np.ndindex(2, 2):
        distances = orders[2].reshape(8, 8)[y::2, x::2] - behind
        assert (distances == distances[0, 0]).all()
