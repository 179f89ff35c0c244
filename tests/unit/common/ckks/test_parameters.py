"""No parameters below the security floor."""

import pytest

from common.ckks.fhe import moduli
from common.ckks.parameters import MAX_MODULUS_BITS, Parameters, max_modulus_bits
from common.errors import InsecureError, ParameterError

#: Table 1 of the Homomorphic Encryption Standard (2018), for ternary secrets and classical attacks, N = 1024 … 32768.
STANDARD = {
    128: (27, 54, 109, 218, 438, 881),
    192: (19, 37, 75, 152, 305, 611),
    256: (14, 29, 58, 118, 237, 476),
}
#: Table 5.2 of the Security Guidelines for Implementing Homomorphic Encryption (2024), for the same; not for all N.
GUIDELINES = {
    128: (26, 53, 106, 214, 430, 868),
    192: (None, 36, 73, 147, 297, 597),
    256: (None, 27, 56, 114, 230, 462),
}


@pytest.mark.parametrize("security", [128, 192, 256])
def test_the_bounds_are_the_stricter_ones_of_the_standard_and_the_guidelines(security: int) -> None:
    dimensions = [1024, 2048, 4096, 8192, 16384, 32768]
    assert [max_modulus_bits(security, dimension) for dimension in dimensions] == [
        min(bound for bound in bounds if bound is not None)
        for bounds in zip(STANDARD[security], GUIDELINES[security], strict=True)
    ]


@pytest.mark.parametrize(("security", "primes"), [(128, 8), (192, 7), (256, 6)])
def test_a_modulus_at_the_bound_is_taken_and_one_bit_more_is_refused(security: int, primes: int) -> None:
    bound = MAX_MODULUS_BITS[security][16384]
    even, rest = divmod(bound, primes)
    sizes = [even] * (primes - 1) + [even + rest]
    assert Parameters(security, 16384, tuple(sizes)).modulus_bits == bound
    sizes[0] += 1
    with pytest.raises(InsecureError, match=f"at most {bound} bits are, by the Security Guidelines"):
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
