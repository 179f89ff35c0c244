"""Ciphertexts of slots that repeat after half of them: half of the first polynomial is enough.

    header as in `common.ckks.ciphertext`, version 4, then the seed of the second polynomial [64], and the residues of
    the first polynomial's mean, E(c₀) below, N/2 for each prime

A rotation by half of the slots, N/4, is the automorphism σ: X → X^(3^(N/4)). Since 3^(2^k) - 1 has exactly k + 2
factors 2, this is X^(N+1) = -X. So σ is its own inverse, and it leaves the polynomials in X² as they are: those of even
powers alone. The mean of f and its image is f's part of even powers:

    E(f) = (f + σ(f)) / 2

Slots that repeat after N/4 are the same after the rotation, so they encode to a polynomial m with E(m) = m. Let (c₀,
c₁) be a ciphertext of it under the secret s, with the noise e: c₀ + c₁·s = m + e. The mean of both sides and their
images is

    E(c₀) + (c₁/2)·s + σ(c₁/2)·σ(s) = m + E(e)

The sender computes E(c₀), a polynomial in X², and sends it in place of c₀: *folded*. The receiver draws c₁ from its
seed, and halves both, modulo each prime: h = (E(c₀)/2, c₁/2). Then h + σ(h) is (E(c₀), c₁/2) and a polynomial σ(c₁/2)
that belongs to σ(s), which the key of a rotation by N/4 switches to s: by the equation above a ciphertext of m, at the
scale of before. In place of e it has the noise of E(e), whose variance is half of e's, and that of one key switch.

In NTT form a polynomial is its values at powers of ψ, a primitive 2N-th root of unity. SEAL puts the one at
ψ^(2·reversed(i) + 1) in place i, where `reversed` reverses the order of the bits. The exponents of two neighbours
differ by N, and ψ^N = -1: neighbours are f(x) and f(-x). So E(c₀) has their mean at both places, and is sent once.

What is sent is computed from the ciphertext alone. Whoever could learn something from it could compute it, too.
"""

from collections.abc import Sequence

import numpy as np

from common.ckks.ciphertext import FOLDED, check_header, encode_header, header_size, version_of
from common.ckks.expansion import expander
from common.ckks.packing import Residues
from common.ckks.parameters import Parameters
from common.ckks.residues import pack_polynomials, packed_polynomials_size, unpack_polynomials
from common.ckks.seal_format import SEED_BYTES, Seeded
from common.errors import WireError

#: Bytes in front of the residues.
_START = header_size() + SEED_BYTES


def folded_size(parameters: Parameters) -> int:
    """Bytes of the wire form of a fresh ciphertext that is folded."""
    return _START + packed_polynomials_size(1, parameters.ring_dimension // 2, parameters.data_prime_bits)


def encode_folded(parameters: Parameters, seeded: Seeded) -> bytes:
    """The wire form, folded, of a fresh ciphertext whose slots repeat after half of them."""
    header = encode_header(parameters, FOLDED, parameters.levels)
    mean = _halved(_pair_sums(seeded.first, parameters.primes), parameters.primes)
    return header + seeded.seed + pack_polynomials(mean[None], parameters.data_prime_bits)


def is_folded(data: bytes) -> bool:
    """Whether the bytes say that they are ciphertexts that are folded."""
    return version_of(data) == FOLDED


def decode_halves(parameters: Parameters, data: bytes, count: int) -> list[Residues]:
    """The residues, shape (2, levels + 1, N), of h for each of `count` ciphertexts in `data`, one behind the other.

    Each is to be added to its own rotation by half of the slots. Raises `WireError` for any other bytes.
    """
    size = folded_size(parameters)
    if len(data) != count * size:
        raise WireError(f"the folded ciphertexts have {len(data)} bytes where {count * size} were expected")
    return [_half(parameters, data[start : start + size]) for start in range(0, len(data), size)]


def _half(parameters: Parameters, data: bytes) -> Residues:
    check_header(data, parameters, FOLDED, parameters.levels)
    primes = parameters.primes[:-1]
    (mean,) = unpack_polynomials(memoryview(data)[_START:], 1, parameters.ring_dimension // 2, primes)
    seeded = Seeded(np.repeat(mean, 2, axis=1), data[header_size() : _START])
    return _halved(expander(parameters).ciphertext(seeded), primes)


def _pair_sums(residues: Residues, primes: Sequence[int]) -> Residues:
    """The sums (primes, N/2) of neighbours among residues (primes, N), modulo the primes."""
    moduli = _column(primes, residues)
    sums = residues[:, 0::2] + residues[:, 1::2]
    return np.asarray(np.minimum(sums, sums - moduli))  # a difference that is below zero wraps to a large number


def _halved(residues: Residues, primes: Sequence[int]) -> Residues:
    """Half of residues (…, primes, n) modulo the primes, which are odd: an odd x is made even by adding the prime."""
    moduli = _column(primes, residues)
    one = np.uint64(1)
    return np.asarray((residues >> one) + (residues & one) * ((moduli + one) >> one))


def _column(primes: Sequence[int], residues: Residues) -> Residues:
    """The primes of these residues, shape (primes, 1)."""
    return np.array(primes[: residues.shape[-2]], dtype=np.uint64)[:, None]
