"""The transform is SEAL's: the polynomial's values at the odd powers of the smallest root, in bit-reversed order."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.ckks.fhe import Context
from common.ckks.packing import Residues
from common.ckks.parameters import Parameters
from common.ckks.primes import chain_of

blindsight_engine = pytest.importorskip("blindsight_engine", reason="the extension isn't installed")

PATHS = blindsight_engine.paths()


def smallest_root(prime: int, dimension: int) -> int:
    """The smallest primitive 2N-th root of one."""
    step = (prime - 1) // (2 * dimension)
    roots = (pow(number, step, prime) for number in range(2, prime))
    root = next(one for one in roots if pow(one, dimension, prime) == prime - 1)
    return min(pow(root, odd, prime) for odd in range(1, 2 * dimension, 2))


def values_at_roots(coefficients: list[int], prime: int) -> list[int]:
    """The slow way: N values of N terms each."""
    dimension = len(coefficients)
    bits, root = dimension.bit_length() - 1, smallest_root(prime, dimension)
    values = []
    for place in range(dimension):
        power = pow(root, 2 * int(f"{place:0{bits}b}"[::-1], 2) + 1, prime)
        value = 0
        for coefficient in reversed(coefficients):
            value = (value * power + coefficient) % prime
        values.append(value)
    return values


@pytest.mark.parametrize("path", PATHS)
@settings(max_examples=30)
@given(st.integers(6, 8), st.sampled_from([23, 30, 36, 45, 50, 51, 55, 59, 60]), st.integers(0, 2**32 - 1))
def test_it_gives_the_values_at_the_roots(path: str, log_dimension: int, bits: int, seed: int) -> None:
    dimension = 1 << log_dimension
    primes = chain_of((bits, 60), dimension)
    ring, random = blindsight_engine.Ring(log_dimension, primes, path), np.random.default_rng(seed)
    coefficients = random.integers(0, primes[0], dimension, np.uint64)
    coefficients[: seed % 4] = primes[0] - 1
    found = ring.ntt(0, coefficients)
    assert found.tolist() == values_at_roots(coefficients.tolist(), primes[0])
    assert np.array_equal(ring.inverse_ntt(0, found), coefficients)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "parameters",
    [
        Parameters(128, 4096, (35, 35, 36)),
        Parameters(128, 8192, (60, 50, 52, 52)),
        Parameters(128, 16384, (60, 50, 33, 60)),
    ],
)
def test_what_seal_encodes_is_one_small_polynomial_modulo_each_prime(path: str, parameters: Parameters) -> None:
    context, ring = Context(parameters), ring_of(parameters, path)
    slots = np.random.default_rng(1).uniform(-1, 1, parameters.slots)
    plaintext = context.encode(slots, 2.0**30, parameters.levels)
    assert plaintext is not None
    residues = context.save_plaintext(plaintext)
    polynomials = [centred(ring.inverse_ntt(index, row), ring.primes[index]) for index, row in enumerate(residues)]
    assert all(np.array_equal(polynomials[0], other) for other in polynomials)
    assert 2**20 < np.abs(polynomials[0]).max() <= 2**30
    assert all(np.array_equal(ring.ntt(index, ring.inverse_ntt(index, row)), row) for index, row in enumerate(residues))


def ring_of(parameters: Parameters, path: str) -> Any:
    return blindsight_engine.Ring(parameters.log_ring_dimension, parameters.primes, path)


def centred(residues: Residues, prime: int) -> np.ndarray:
    signed = residues.astype(np.int64)
    return np.where(signed > prime // 2, signed - prime, signed)
