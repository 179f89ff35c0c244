"""No parameters below the security floor."""

import pytest

from common.ckks.fhe import moduli
from common.ckks.parameters import MAX_MODULUS_BITS, Parameters, max_modulus_bits
from common.errors import ParameterError


@pytest.mark.parametrize(
    ("security", "dimension", "bits"),
    [(128, 4096, 109), (128, 8192, 218), (128, 16384, 438), (192, 8192, 152), (256, 8192, 118), (256, 32768, 476)],
)
def test_the_bounds_are_those_of_the_standard(security: int, dimension: int, bits: int) -> None:
    assert max_modulus_bits(security, dimension) == bits


@pytest.mark.parametrize(("security", "primes"), [(128, 8), (192, 7), (256, 6)])
def test_a_modulus_at_the_bound_is_taken_and_one_bit_more_is_refused(security: int, primes: int) -> None:
    bound = MAX_MODULUS_BITS[security][16384]
    even, rest = divmod(bound, primes)
    sizes = [even] * (primes - 1) + [even + rest]
    assert Parameters(security, 16384, tuple(sizes)).modulus_bits == bound
    sizes[0] += 1
    with pytest.raises(ParameterError, match=f"at most {bound} bits. Use a larger ring"):
        Parameters(security, 16384, tuple(sizes))


@pytest.mark.parametrize("security", [0, 80, 127, 512])
def test_a_level_that_is_none_of_ours_is_refused_by_value(security: int) -> None:
    with pytest.raises(ParameterError, match=f"security_bits is {security}; choose one of 128, 192, 256"):
        Parameters(security, 8192, (40, 40))


@pytest.mark.parametrize(
    ("dimension", "primes", "message"),
    [
        (5000, (40, 40), "ring_dimension is 5000"),
        (8192, (40,), "at least one data prime"),
        (8192, (61, 60), "prime_bits holds 61"),
        (8192, (20, 40), "prime_bits holds 20"),
    ],
)
def test_impossible_parameters_are_refused_by_name(dimension: int, primes: tuple[int, ...], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        Parameters(128, dimension, primes)


def test_no_more_primes_are_named_than_there_are() -> None:
    """Each is 1 modulo 2N. SEAL finds as many, and of one more says only that it can't."""
    assert len(moduli(Parameters(128, 32768, (23,) * 8)).primes) == 8
    with pytest.raises(ParameterError, match="names 9 primes of 23 bits; there are 8 that are 1 modulo"):
        Parameters(128, 32768, (23,) * 9)


def test_levels_and_slots_follow_from_the_chain() -> None:
    parameters = Parameters(128, 8192, (46, 56, 51, 60))
    assert (parameters.levels, parameters.slots, parameters.modulus_bits) == (2, 4096, 213)
    assert parameters.digest() != Parameters(128, 8192, (46, 56, 52, 60)).digest()
