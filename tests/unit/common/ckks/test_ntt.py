"""The transform is SEAL's: it takes a secret key's residues to coefficients of -1, 0 and 1."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.ckks.fhe import Context
from common.ckks.ntt import transform
from common.ckks.parameters import Parameters
from common.ckks.primes import largest_primes

PARAMETERS = Parameters(128, 4096, (46, 60))
N = PARAMETERS.ring_dimension


def test_seals_residues_of_a_secret_key_are_those_of_a_ternary_polynomial() -> None:
    context = Context(PARAMETERS)
    context.generate_secret_key()
    secret = context.save_secret_key()
    primes = context.moduli.primes
    residues = np.frombuffer(secret[-8 * len(primes) * N :], "<u8").reshape(len(primes), N)
    for prime, each in zip(primes, residues, strict=True):
        coefficients = transform(prime, N).inverse(each)
        assert set(coefficients.tolist()) == {0, 1, prime - 1}
        assert np.array_equal(transform(prime, N).forward(coefficients), each)


@settings(max_examples=10, deadline=None)
@given(st.sampled_from([23, 35, 49, 54, 60]), st.integers(0, 2**32))
def test_forward_and_inverse_undo_each_other_for_primes_of_any_size(bits: int, seed: int) -> None:
    (prime,) = largest_primes(bits, N, 1)
    drawn = np.random.default_rng(seed)
    values = drawn.integers(0, prime, (2, N), dtype=np.uint64)
    values[0, :4] = (0, 1, prime - 1, prime - 2)
    residues = transform(prime, N).forward(values)
    assert (residues < prime).all()
    assert np.array_equal(transform(prime, N).inverse(residues), values)


@pytest.mark.parametrize("bits", [49, 60])
def test_residues_are_the_polynomials_values_at_the_roots(bits: int) -> None:
    (prime,) = largest_primes(bits, 64, 1)
    coefficients = np.random.default_rng(1).integers(0, prime, 64, dtype=np.uint64)
    root = min(_roots(prime, 64))
    places = [pow(root, 2 * int(f"{index:06b}"[::-1], 2) + 1, prime) for index in range(64)]
    powers = list(enumerate(coefficients.tolist()))
    expected = [sum(value * pow(place, power, prime) for power, value in powers) % prime for place in places]
    assert transform(prime, 64).forward(coefficients).tolist() == expected


def _roots(prime: int, dimension: int) -> list[int]:
    """All primitive 2N-th roots of unity."""
    one = next(
        root
        for root in (pow(base, (prime - 1) // (2 * dimension), prime) for base in range(2, 1000))
        if pow(root, dimension, prime) == prime - 1
    )
    return [pow(one, exponent, prime) for exponent in range(1, 2 * dimension, 2)]
