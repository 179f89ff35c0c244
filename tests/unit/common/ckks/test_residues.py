"""Residues come back as they were packed, and nothing that isn't a residue comes through."""

import numpy as np
import pytest

from common.ckks.residues import pack_polynomials, unpack_polynomials
from common.errors import WireError

PRIMES = (1125899906826241, 72057594037338113)
BITS = [prime.bit_length() for prime in PRIMES]


def test_polynomials_come_back_prime_by_prime() -> None:
    rng = np.random.default_rng(0)
    polynomials = np.stack([rng.integers(0, prime, (3, 128), dtype=np.uint64) for prime in PRIMES], axis=1)
    assert np.array_equal(unpack_polynomials(pack_polynomials(polynomials, BITS), 3, 128, PRIMES), polynomials)


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"\0", lambda data: b""])
def test_another_length_is_refused(change) -> None:
    data = pack_polynomials(np.zeros((2, 2, 64), np.uint64), BITS)
    with pytest.raises(WireError, match="packed residues take"):
        unpack_polynomials(change(data), 2, 64, PRIMES)


@pytest.mark.parametrize("excess", [0, 1])
def test_a_residue_that_is_not_below_its_prime_is_refused(excess: int) -> None:
    polynomials = np.zeros((1, 2, 64), np.uint64)
    polynomials[0, 1, 63] = PRIMES[1] + excess
    with pytest.raises(WireError, match="not below its prime"):
        unpack_polynomials(pack_polynomials(polynomials, BITS), 1, 64, PRIMES)
