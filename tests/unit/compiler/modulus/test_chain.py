"""Modulus chains: primes follow from scales, and scales of weights make up for what primes lack of powers of two."""

import math

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from common.ckks.primes import chain_of
from compiler.modulus.chain import Chain, stage_level

EARLIES = [(), (0,), (1,), (0, 1)]
scales = st.integers(20, 40)


@given(st.tuples(scales, scales, scales), st.tuples(scales, scales, scales), st.sampled_from(EARLIES), scales)
def test_primes_take_each_scale_to_the_next(
    scale: tuple[int, ...], weight: tuple[int, ...], early: tuple[int, ...], square: int
) -> None:
    chain = Chain(scale, weight, early, (square,) * len(early), 3, 438)
    primes = list(chain.data_prime_bits)
    for depth in range(2):
        assert len(primes) - 1 == chain.level(depth)
        current = scale[depth] + weight[depth]
        if depth in early:
            current -= primes.pop()
            assert current == square
        assert 2 * current - primes.pop() == scale[depth + 1]
    assert primes == [scale[2] + weight[2] + 3 + 1]  # the largest slot of the last product, and its sign


def test_each_early_rescaling_takes_a_level_of_its_own_and_of_all_stages_before() -> None:
    assert [stage_level(depth, 3, ()) for depth in range(4)] == [3, 2, 1, 0]
    assert [stage_level(depth, 3, (0,)) for depth in range(4)] == [4, 2, 1, 0]
    assert [stage_level(depth, 3, (1, 2)) for depth in range(4)] == [5, 4, 2, 0]


def drift(chain: Chain, dimension: int) -> list[float]:
    """By depth how many bits the products' scale exceeds `product_bits`, with the primes that SEAL has."""
    left = list(chain_of(chain.prime_bits, dimension))[:-1]
    scale, drifts = 2.0 ** chain.scale_bits[0], list[float]()
    for depth in range(len(chain.scale_bits)):
        scale *= chain.weight_scale(depth)
        drifts.append(math.log2(scale) - chain.product_bits(depth))
        if len(left) > 1:
            if depth in chain.early:
                scale /= left.pop()
            scale = scale * scale / left.pop()
    return drifts


@given(st.lists(st.integers(23, 26), min_size=2, max_size=9), st.sampled_from([8192, 32768]), st.data())
def test_what_primes_lack_of_powers_of_two_is_made_up_by_weights(
    bits: list[int], dimension: int, data: st.DataObject
) -> None:
    early = tuple(depth for depth in range(len(bits) - 1) if data.draw(st.booleans()))
    weights = [bits[depth] if depth in early else 8 for depth in range(len(bits))]
    chain = Chain(tuple(bits), tuple(weights), early, tuple(bits[depth] for depth in early), 3, 868)
    try:
        chain_of(chain.prime_bits, dimension)
    except IndexError:  # there are fewer primes of a size
        reject()
    corrected = chain.corrected(dimension)
    assert abs(drift(corrected, dimension)[-1]) <= 0.125
    if drift(chain, dimension)[-1] <= 0.125:
        assert corrected == chain
    else:
        assert drift(corrected, dimension)[-1] == pytest.approx(0, abs=1e-6)
        assert max(drift(corrected, dimension)) <= 1e-6
    assert corrected.prime_bits == chain.prime_bits


def test_scales_that_would_outgrow_floating_point_are_corrected_too() -> None:
    chain = Chain((14,) * 21, (8,) * 21, (), (), 3, 868)
    assert drift(chain, 32768)[-1] == math.inf
    assert drift(chain.corrected(32768), 32768)[-1] == pytest.approx(0, abs=1e-3)
