"""The chain that is chosen keeps the error budget, and chains with fewer bits don't."""

import functools
import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest

from common.ckks.parameters import max_modulus_bits
from common.plan.layers import Array, Dense, Flatten
from common.plan.network import Network
from compiler.modulus.budget import _ROUNDING_MARGIN, ChainSearch, Samples, default_budgets
from compiler.modulus.chain import Chain
from compiler.modulus.shortest import FIRST_SCALE_BITS, FIRST_WEIGHT_BITS, ChainPath
from compiler.stages import fold
from tests.networks import random_dense, random_frames, small_network
from tests.unit.compiler.compilation import Compilation, compilation_of

BUDGETS = [0.002, 0.015, 0.06]
#: Bits by which the greedy search may miss the shortest chain.
GREED = 2


def single() -> Network:
    return Network("single", (4, 4, 1), tuple("abc"), (Flatten(), random_dense(np.random.default_rng(1), 3, 16)))


@functools.cache
def compilation(depth: int, budget: float) -> Compilation:
    network = (single, small_network)[depth]()
    return compilation_of(network, random_frames(network, 16), budget)


def search_of(compilation: Compilation) -> ChainSearch:
    ring = compilation.ring
    return ChainSearch(
        compilation.stages,
        ring.candidate,
        ring.stages,
        compilation.samples,
        ring.dimension,
        frames=1,
        sealed=False,
        folded=ring.folded,
    )


def shorter(chain: Chain) -> Iterator[Chain]:
    """Chains that there are, with fewer bits in all, and each scale within three bits of this chain's."""
    bits, values = np.array([*chain.scale_bits, *chain.weight_bits]), len(chain.scale_bits)
    for changes in product(range(-3, 4), repeat=len(bits)):
        changed = (bits + changes).tolist()
        other = replace(chain, scale_bits=tuple(changed[:values]), weight_bits=tuple(changed[values:]))
        if other.feasible and sum(other.data_prime_bits) < sum(chain.data_prime_bits):
            yield other


def saving(chain: Chain, other: Chain) -> int:
    return sum(chain.data_prime_bits) - sum(other.data_prime_bits)


def bound(search: ChainSearch, chain: Chain) -> float:
    return math.hypot(search._model.estimate(chain, 0.0), _ROUNDING_MARGIN * search._rounding_error(chain))


@pytest.mark.parametrize("rounding", [0.25, 1.0])
@pytest.mark.parametrize("budget", BUDGETS[1:])
@pytest.mark.parametrize("depth", [0, 1])
def test_no_chain_is_much_shorter_by_the_estimate_that_is_searched_by(
    depth: int, budget: float, rounding: float
) -> None:
    search = search_of(compilation(depth, BUDGETS[-1]))
    least = search._model.least_weight_bits
    error = functools.partial(search._model.estimate, rounding=rounding)
    path = ChainPath(least, (), search._peak_bits, max_modulus_bits(128, search.dimension), error)
    chain = path.shortest(budget)
    assert chain is not None
    assert error(chain) <= budget
    weights = [max(FIRST_WEIGHT_BITS, bits) for bits in least]
    for other in shorter(chain):
        within = min(other.scale_bits) >= FIRST_SCALE_BITS and np.all(np.array(other.weight_bits) >= weights)
        assert not within or saving(chain, other) <= GREED or error(other) > budget


@pytest.mark.slow
@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("depth", [0, 1])
def test_a_chain_shorter_by_a_tenth_breaks_the_budget(depth: int, budget: float) -> None:
    """Up to a twelfth may be saved, where weights round better than the search expects."""
    chosen = compilation(depth, budget)
    search, chain = search_of(chosen), chosen.ring.modulus.chain
    assert bound(search, chain) <= budget
    tenth = sum(chain.data_prime_bits) / 10
    others = [other for other in shorter(chain) if saving(chain, other) > tenth]
    assert others
    assert all(bound(search, other) > budget for other in others if search._model.estimate(other, 0.0) <= budget)


@pytest.mark.parametrize("depth", [0, 1])
def test_the_bound_is_noise_and_twice_the_measured_error_of_rounding(depth: int) -> None:
    chosen = compilation(depth, BUDGETS[-1])
    assert chosen.ring.modulus.error_bound == pytest.approx(bound(search_of(chosen), chosen.ring.modulus.chain))
    assert chosen.plan.head.error_bound == pytest.approx(
        chosen.ring.modulus.error_bound * chosen.plan.head.output_factor
    )


def test_with_the_room_of_fewer_primes_there_is_no_chain() -> None:
    search = search_of(compilation(1, BUDGETS[-1]))
    chain = compilation(1, BUDGETS[-1]).ring.modulus.chain
    error = functools.partial(search._model.estimate, rounding=0.25)
    for primes in range(1, len(chain.data_prime_bits) + 1):
        room = sum(sorted(chain.prime_bits)[:primes])
        path = ChainPath(search._model.least_weight_bits, (), chain.peak_bits, room, error)
        assert path.shortest(BUDGETS[-1]) is None


def budgets(scores: Array) -> list[float]:
    """The default budgets for calibration frames with these scores (frames, labels), the largest of which is 1."""
    labels = scores.shape[1]
    identity = Dense(np.eye(labels), np.zeros(labels))
    stages = fold(Network("n", (1, labels, 1), tuple("abc")[:labels], (Flatten(), identity)))
    return default_budgets(stages, Samples.of(stages, scores, scores))


def leading_by(*leads: float) -> Array:
    return np.array([[0.0, 1.0 - lead, 1.0] for lead in leads])


def test_the_default_budget_is_the_lead_that_all_but_a_twentieth_of_the_frames_have() -> None:
    leads = [0.0001] * 5 + [0.004] * 96
    assert budgets(leading_by(*leads))[0] == pytest.approx(0.004)
    assert budgets(leading_by(*leads, *[0.0001] * 10))[0] == 2.0**-10


@pytest.mark.parametrize(("lead", "first"), [(0.5, 2.0**-6), (0.004, 0.004), (0.0, 2.0**-10)])
def test_larger_budgets_follow_by_factors_of_two_up_to_a_sixteenth(lead: float, first: float) -> None:
    tried = budgets(leading_by(lead))
    assert tried[0] == pytest.approx(first)
    assert tried[-1] == 2.0**-4
    assert all(1 < after / before <= 2 + 1e-9 for before, after in pairwise(tried))


def test_a_network_of_one_score_has_no_leads_and_the_largest_default() -> None:
    assert budgets(np.ones((3, 1))) == [2.0**-6]
