"""One evaluation key on the wire: only what is used of it.

A key switch at level ℓ reads ℓ + 1 of a key's parts, and of each the residues of q_0 … q_ℓ
and of the special prime. The rest of the key is never sent: the receiver puts zeros in its place,
which no evaluation reads. For `digits` this takes a third off the upload. Keys with seeds are half as large again: of
each part only the first polynomial is there, and the seed that SEAL drew the second one from.

    key = the residues of all parts, packed prime by prime
    key with seeds = the seed of each part [64], then the residues of the first polynomials, packed prime by prime
"""

from collections.abc import Sequence

import numpy as np

from common.ckks.expansion import expander
from common.ckks.packing import Residues
from common.ckks.parameters import Parameters
from common.ckks.residues import pack_polynomials, packed_polynomials_size, unpack_polynomials
from common.ckks.seal_format import SEED_BYTES, Seeded


def key_size(parameters: Parameters, level: int, seeded: bool) -> int:
    """Bytes on the wire of a key for a level."""
    bits = [parameters.prime_bits[index] for index in _prime_indices(parameters, level)]
    part = packed_polynomials_size(1 if seeded else 2, parameters.ring_dimension, bits)
    return (level + 1) * (part + (SEED_BYTES if seeded else 0))


def pack_key(residues: Residues, parameters: Parameters, level: int) -> bytes:
    """The wire form of a key, shape (parts, 2, primes, N), cut to a level."""
    return _pack(residues[: level + 1].reshape(-1, *residues.shape[2:]), parameters, level)


def pack_seeded_key(parts: Sequence[Seeded], parameters: Parameters, level: int) -> bytes:
    """The wire form of a key with seeds, cut to a level."""
    sent = parts[: level + 1]
    return b"".join(part.seed for part in sent) + _pack(np.stack([part.first for part in sent]), parameters, level)


def unpack_key(packed: memoryview, parameters: Parameters, level: int, seeded: bool) -> Residues:
    """The residues, shape (level + 1, 2, primes, N), of a key in its wire form. Seeds are expanded.

    Raises `WireError` for a residue that isn't below its prime.
    """
    count = level + 1
    if not seeded:
        return _unpack(packed, 2 * count, parameters, level).reshape(count, 2, -1, parameters.ring_dimension)
    size = count * SEED_BYTES
    seeds = [bytes(packed[start : start + SEED_BYTES]) for start in range(0, size, SEED_BYTES)]
    firsts = _unpack(packed[size:], count, parameters, level)
    expand = expander(parameters).part_of_key
    return np.stack([expand(Seeded(first, seed)) for first, seed in zip(firsts, seeds, strict=True)])


def _pack(polynomials: Residues, parameters: Parameters, level: int) -> bytes:
    indices = _prime_indices(parameters, level)
    return pack_polynomials(polynomials[:, indices], [parameters.prime_bits[index] for index in indices])


def _unpack(packed: memoryview, count: int, parameters: Parameters, level: int) -> Residues:
    """Polynomials, shape (count, primes, N), with zeros for the primes that aren't sent."""
    indices, primes = _prime_indices(parameters, level), parameters.primes
    sent = unpack_polynomials(packed, count, parameters.ring_dimension, [primes[index] for index in indices])
    if len(indices) == len(primes):
        return sent
    residues = np.zeros((count, len(primes), parameters.ring_dimension), dtype=np.uint64)
    residues[:, indices] = sent
    return residues


def _prime_indices(parameters: Parameters, level: int) -> list[int]:
    """Primes whose residues a key switch at `level` reads: q_0 … q_level and the special one."""
    return [*range(level + 1), len(parameters.prime_bits) - 1]
