"""The ring chosen for a network is the cheapest of all rings that have room and precision for it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from common.ckks.parameters import RING_DIMENSIONS, max_modulus_bits
from common.errors import CapacityError
from common.plan.costs import Costs
from common.plan.layers import Flatten
from common.plan.network import Network
from compiler.modulus.budget import ChainChoice, ChainSearch, Samples
from compiler.rings import RingChoice, RingSearch, _earlies, choose_ring, most_levels
from compiler.search import cheapest
from compiler.stages import Affine, depths, fold, normalise, without_zeros
from tests.networks import deep_network, random_dense, random_frames, small_network

BUDGET = 0.03


def prepared(network: Network, sealed: bool) -> tuple[list[Affine], Samples]:
    x = network.input_values(random_frames(network, 8)).reshape(8, -1)
    stages, _ = normalise(fold(without_zeros(network) if sealed else network), x)
    return stages, Samples.of(stages, x, x)


def all_rings(stages: Sequence[Affine], samples: Samples, frames: int, sealed: bool) -> list[RingChoice]:
    rings: list[RingChoice] = []
    earlies = _earlies(max(depths(stages)), sealed)[0]
    for dimension in RING_DIMENSIONS:
        try:
            ring = RingSearch(stages, samples, 128, [BUDGET], frames, sealed, False).lay_out(dimension, earlies)
        except CapacityError:
            continue
        assert ring is not None
        rings.append(ring)
    return rings


def costs_of_rings(growth: float) -> Costs:
    """Times of which each is `growth` times that in the ring before."""

    def times(us: float) -> dict[int, float]:
        return {dimension: us * growth**number for number, dimension in enumerate(RING_DIMENSIONS)}

    return Costs("native", times(40.0), times(8.0), times(3.0), times(20.0), times(20.0))


@pytest.mark.slow
@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("frames", [1, 1024])
@pytest.mark.parametrize("growth", [1.3, 2.2])
def test_no_other_ring_that_fits_is_cheaper(
    monkeypatch: pytest.MonkeyPatch, growth: float, frames: int, sealed: bool
) -> None:
    monkeypatch.setattr("compiler.rings.shipped_costs", lambda *_: costs_of_rings(growth))
    stages, samples = prepared(small_network(), sealed)
    rings = all_rings(stages, samples, frames, sealed)
    chosen = choose_ring(stages, samples, 128, [BUDGET], frames, sealed)
    cheapest = min(rings, key=lambda ring: ring.candidate.cost)
    assert len(rings) > 1
    assert (chosen.dimension, chosen.candidate.cost) == (cheapest.dimension, cheapest.candidate.cost)
    if growth < 2 and frames > 1:  # halving the ciphertexts is worth more than the larger ring costs
        assert chosen.dimension > rings[0].dimension


def test_a_chosen_ring_holds_the_modulus_and_keeps_the_budget() -> None:
    stages, samples = prepared(small_network(), sealed=False)
    ring = choose_ring(stages, samples, 128, [BUDGET], 1, sealed=False)
    assert sum(ring.modulus.chain.prime_bits) <= max_modulus_bits(128, ring.dimension)
    assert ring.modulus.error_bound <= BUDGET
    with pytest.raises(CapacityError, match=f"leave an error above .* at ring dimension {ring.dimension // 2}"):
        RingSearch(stages, samples, 128, [BUDGET], 1, False, False).lay_out(ring.dimension // 2, [()])


def test_a_ring_that_costs_as_much_as_another_one_is_given_up_before_its_chain_is_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stages, samples = prepared(small_network(), sealed=False)
    search = RingSearch(stages, samples, 128, [BUDGET], 1, False, False)
    ring = search.lay_out(16384, [()])
    assert ring is not None
    cost = ring.candidate.cost
    dearer = RingSearch(stages, samples, 128, [BUDGET], 1, False, False).lay_out(
        16384, [()], np.nextafter(cost, 2 * cost)
    )
    assert dearer is not None
    assert dearer.candidate.cost == cost
    monkeypatch.setattr(ChainSearch, "run", lambda *_: pytest.fail("a chain was looked for"))
    for again in (search, RingSearch(stages, samples, 128, [BUDGET], 1, False, False)):
        assert again.lay_out(16384, [()], cost) is None


def test_the_first_budget_that_a_ring_can_keep_is_kept() -> None:
    stages, samples = prepared(small_network(), sealed=False)
    ring = choose_ring(stages, samples, 128, [2.0**-60, 0.01, 0.1], 1, sealed=False)
    assert 0.001 < ring.modulus.error_bound <= 0.01


def test_a_ring_with_fewer_slots_than_frames_is_passed_over() -> None:
    stages, samples = prepared(
        Network("n", (2, 2, 1), ("a",), (Flatten(), random_dense(np.random.default_rng(1), 1, 4))), False
    )
    assert choose_ring(stages, samples, 128, [BUDGET], 2048, sealed=False).dimension == 4096
    assert choose_ring(stages, samples, 128, [BUDGET], 4096, sealed=False).dimension > 4096


def test_where_no_ring_fits_the_largest_one_says_why() -> None:
    stages, samples = prepared(deep_network(20), sealed=False)
    with pytest.raises(CapacityError, match=f"20 rescalings at 256-bit .* ring dimension {RING_DIMENSIONS[-1]}"):
        choose_ring(stages, samples, 256, [BUDGET], 1, sealed=False)


def test_a_network_that_fits_without_early_rescalings_is_refused_for_its_error_and_not_for_their_levels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ChainSearch, "run", lambda *_: None)
    stages, samples = prepared(deep_network(20), sealed=False)
    with pytest.raises(
        CapacityError, match=f"20 rescalings at 128-bit security leave an error .* {RING_DIMENSIONS[-1]}"
    ):
        choose_ring(stages, samples, 128, [BUDGET], 1, sealed=False)


def test_where_the_fastest_layout_keeps_no_error_that_of_equal_rotations_is_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[str] = []

    def recorded(stages: Sequence[Affine], dimension: int, slots: int, costs: Costs, *others: Any) -> Any:
        tried.append(costs.engine)
        return cheapest(stages, dimension, slots, costs, *others)

    monkeypatch.setattr("compiler.rings.cheapest", recorded)
    monkeypatch.setattr(ChainSearch, "run", lambda *_: None)
    stages, samples = prepared(small_network(), False)
    with pytest.raises(CapacityError, match="leave an error above"):
        RingSearch(stages, samples, 128, [BUDGET], 1, False, False).lay_out(8192, [()])
    assert tried == ["native", "pyfhel"]


def test_plain_weights_rescale_before_squares_only_where_no_ring_has_precision_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stages, samples = prepared(small_network(), sealed=False)
    assert choose_ring(stages, samples, 128, [BUDGET], 1, sealed=False).modulus.chain.early == ()
    run, laid_out = ChainSearch.run, list[tuple[int, str]]()

    def recorded(stages: Sequence[Affine], dimension: int, slots: int, costs: Costs, *others: Any) -> Any:
        laid_out.append((dimension, costs.engine))
        return cheapest(stages, dimension, slots, costs, *others)

    def with_early_only(search: ChainSearch, bits: int, early: tuple[int, ...], budget: float) -> ChainChoice | None:
        return run(search, bits, early, budget) if early else None

    monkeypatch.setattr(ChainSearch, "run", with_early_only)
    monkeypatch.setattr("compiler.rings.cheapest", recorded)
    ring = choose_ring(stages, samples, 128, [BUDGET], 1, sealed=False)
    assert ring.modulus.chain.early == (0,) and ring.modulus.error_bound <= BUDGET
    assert len(laid_out) == len(set(laid_out))  # a layout is searched once, since that takes longest


def test_one_early_rescaling_is_tried_before_there_are_some_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    stages, samples = prepared(deep_network(3), sealed=False)
    run = ChainSearch.run
    for possible in ({(1,), (0, 1, 2)}, {(0, 1, 2)}):

        def some(search: ChainSearch, bits: int, early: tuple[int, ...], budget: float) -> ChainChoice | None:
            return run(search, bits, early, budget) if early in possible else None  # noqa: B023

        monkeypatch.setattr(ChainSearch, "run", some)
        assert choose_ring(stages, samples, 128, [BUDGET], 1, sealed=False).modulus.chain.early == min(
            possible, key=len
        )
    assert _earlies(20, sealed=False) == [[()], [tuple(range(20))]]  # each takes a search


def test_a_ring_that_can_not_keep_the_largest_error_is_tried_with_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[float] = []

    def nothing(_: ChainSearch, bits: int, early: tuple[int, ...], budget: float) -> None:
        tried.append(budget)

    monkeypatch.setattr(ChainSearch, "run", nothing)
    stages, samples = prepared(small_network(), False)
    with pytest.raises(CapacityError, match=r"leave an error above 8\.0%"):
        RingSearch(stages, samples, 128, [0.01, 0.02, 0.04, 0.08], 1, False, False).lay_out(8192, [()])
    assert set(tried) == {0.01, 0.08}


def test_the_largest_ring_has_primes_for_so_many_squarings() -> None:
    assert (most_levels(128), most_levels(192)) == (26, 17)
