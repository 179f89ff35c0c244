"""The search for the shortest modulus chain that is precise enough."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.ckks.parameters import MAX_PRIME_BITS, MIN_PRIME_BITS
from compiler.modulus.chain import Chain
from compiler.modulus.shortest import ChainPath, _changed, _exchanges, _possible

BOUND = 438
EARLIES = [(), (0,), (1,), (0, 1)]


def noise(chain: Chain) -> float:
    """As if each scale, and each special prime that is small, added its own rounding."""
    bits = (*chain.scale_bits, *chain.weight_bits, *chain.square_bits)
    switch = 2.0 ** (max(chain.data_prime_bits) - chain.special_bits)
    return sum(2.0**-one for one in bits) * 2**10 * max(switch, 1.0)


@given(st.integers(2, 7), st.sampled_from(EARLIES))
def test_a_chain_is_precise_enough_within_the_bound_and_has_primes_that_there_are(
    precision: int, early: tuple[int, ...]
) -> None:
    chain = ChainPath((8, 8, 8), early, 3, BOUND, noise).shortest(2.0**-precision)
    assert chain is not None
    assert noise(chain) <= 2.0**-precision
    assert sum(chain.prime_bits) <= BOUND
    assert all(MIN_PRIME_BITS <= bits <= MAX_PRIME_BITS for bits in chain.prime_bits)
    assert chain.special_bits >= max(chain.data_prime_bits)


def test_large_scales_fit_a_short_modulus_only_with_early_rescalings() -> None:
    def found(early: tuple[int, ...]) -> Chain | None:
        return ChainPath((8, 8, 8), early, 3, 218, noise).shortest(2.0**-11)

    assert found(()) is None
    assert found((0, 1)) is not None


@pytest.mark.parametrize("early", EARLIES)
def test_none_is_found_where_none_can_be(early: tuple[int, ...]) -> None:
    assert ChainPath((8, 8, 8), early, 3, 109, noise).shortest(2.0**-20) is None
    assert ChainPath((80, 8, 8), early, 3, BOUND, noise).shortest(math.inf) is None


def test_deep_networks_take_no_more_of_the_smallest_primes_than_every_ring_has() -> None:
    chain = ChainPath((8,) * 6, tuple(range(5)), 3, 881, noise).shortest(2.0**-5)
    assert chain is not None
    assert chain.prime_bits.count(MIN_PRIME_BITS) <= 8
    assert len(chain.data_prime_bits) == 11


@given(st.permutations([2.0**-bits for bits in range(2, 9)]), st.sampled_from(EARLIES))
def test_a_path_that_went_further_for_another_budget_gives_the_same_chain(
    budgets: list[float], early: tuple[int, ...]
) -> None:
    asked: list[Chain] = []

    def counted(chain: Chain) -> float:
        asked.append(chain)
        return noise(chain)

    path = ChainPath((8, 8, 8), early, 3, BOUND, counted)
    least = path.shortest(min(budgets))
    before = len(asked)
    for budget in budgets:
        assert path.shortest(budget) == ChainPath((8, 8, 8), early, 3, BOUND, noise).shortest(budget)
    assert least is not None
    assert len(asked) == before  # the others lie on its way


@given(st.sampled_from(EARLIES), st.data())
def test_the_changes_that_are_possible_are_those_of_chains_that_there_are_primes_for(
    early: tuple[int, ...], data: st.DataObject
) -> None:
    bits = data.draw(st.lists(st.integers(20, 40), min_size=6 + len(early), max_size=6 + len(early)))
    chain = Chain(tuple(bits[:3]), tuple(bits[3:6]), early, tuple(bits[6:]), 3, 218)
    changes = _exchanges(len(bits))[:: data.draw(st.integers(7, 40))]
    found, primes = _possible(chain, changes, may_become=False)
    chains = [_changed(chain, change) for change in found]
    assert chains == [each for each in (_changed(chain, change) for change in changes) if each.feasible]
    assert [each.data_prime_bits for each in chains] == [tuple(row) for row in primes.tolist()]
    changed = replace(chain, scale_bits=(chain.scale_bits[0] + 1, *chain.scale_bits[1:]))
    assert _changed(chain, np.eye(len(bits), dtype=np.int64)[0]) == changed


@pytest.mark.parametrize("bits", [3, 5, 8])
def test_each_exchange_of_up_to_three_bits_is_tried_once(bits: int) -> None:
    exchanges = _exchanges(bits).tolist()
    assert len({tuple(row) for row in exchanges}) == len(exchanges)
    assert len(exchanges) == sum(math.comb(bits, changed) * 2**changed for changed in range(4))
    assert all(sum(map(bool, row)) <= 3 and set(row) <= {-1, 0, 1} for row in exchanges)
