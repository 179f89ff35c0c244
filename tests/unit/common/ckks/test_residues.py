"""Residues come back as they were packed, and nothing that isn't a residue comes through."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.ckks.residues import pack, pack_polynomials, packed_size, unpack, unpack_polynomials
from common.errors import WireError

PRIMES = (1125899906826241, 72057594037338113)
BITS = [prime.bit_length() for prime in PRIMES]


@given(st.integers(30, 60), st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_residues_of_any_size_come_back(bits: int, seed: int, groups: int) -> None:
    residues = np.random.default_rng(seed).integers(0, 1 << bits, 64 * groups, dtype=np.uint64)
    data = pack(residues, bits)
    assert len(data) == packed_size(len(residues), bits) == 64 * groups * bits // 8
    assert np.array_equal(unpack(data, bits), residues)


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
