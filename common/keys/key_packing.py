"""One evaluation key on the wire: only what is used of it.

A key switch at level ℓ reads ℓ + 1 of a key's parts, and of each the residues of q_0 … q_ℓ
and of the special prime. The rest of the key is never sent: the receiver puts zeros in its place, which no
evaluation reads. For `digits` this takes a third off the upload. Keys with seeds are half as large again: of each
part only the first polynomial is there, and the seed that SEAL drew the second one from.

    key = the residues of all parts, packed prime by prime
    key with seeds = the seed of each part [64], then the residues of the first polynomials, packed prime by prime
"""

from collections.abc import Sequence

import numpy as np

from common.ckks.fhe import moduli
from common.ckks.parameters import Parameters
from common.ckks.residues import pack_polynomials, packed_polynomials_size, unpack_polynomials
from common.ckks.seal_format import SEED_BYTES, Part, Seeded


def key_size(parameters: Parameters, level: int, seeded: bool) -> int:
    """Bytes on the wire of a key for a level."""
    bits = [parameters.prime_bits[index] for index in _prime_indices(parameters, level)]
    part = packed_polynomials_size(1 if seeded else 2, parameters.ring_dimension, bits)
    return (level + 1) * (part + (SEED_BYTES if seeded else 0))


def pack_key(parts: Sequence[Part], parameters: Parameters, level: int) -> bytes:
    """The wire form of a key, cut to a level. Its parts have seeds, or none has."""
    indices = _prime_indices(parameters, level)
    seeds, polynomials = b"", []
    for part in parts[: level + 1]:
        if isinstance(part, Seeded):
            seeds += part.seed
            polynomials.append(part.first[indices])
        else:
            polynomials.extend(part[:, indices])
    return seeds + pack_polynomials(np.stack(polynomials), [parameters.prime_bits[index] for index in indices])


def unpack_key(data: memoryview, parameters: Parameters, level: int, seeded: bool) -> list[Part]:
    """The parts of the key that `pack_key` made these bytes of, with zeros in place of all that was cut.

    Raises `WireError` for a residue that isn't below its prime.
    """
    primes, dimension = moduli(parameters).primes, parameters.ring_dimension
    indices, count, polynomials = _prime_indices(parameters, level), level + 1, 1 if seeded else 2
    size = count * SEED_BYTES if seeded else 0
    packed = unpack_polynomials(data[size:], count * polynomials, dimension, [primes[index] for index in indices])
    residues = np.zeros((len(primes) - 1, polynomials, len(primes), dimension), dtype=np.uint64)
    residues[:count, :, indices] = packed.reshape(count, polynomials, len(indices), dimension)
    if not seeded:
        return list(residues)
    seeds = [bytes(data[start : start + SEED_BYTES]) for start in range(0, size, SEED_BYTES)]
    sent = [Seeded(part[0], seed) for part, seed in zip(residues[:count], seeds, strict=True)]
    return [*sent, *np.zeros((len(residues) - count, 2, len(primes), dimension), dtype=np.uint64)]


def _prime_indices(parameters: Parameters, level: int) -> list[int]:
    """Primes whose residues a key switch at `level` reads: q_0 … q_level and the special one."""
    return [*range(level + 1), len(parameters.prime_bits) - 1]
