"""Residue polynomials as bytes: each residue takes its prime's bits and no more.

SEAL stores a residue in 64 bits. Packing to the prime's size saves 12 to 25 % of every
ciphertext and key, costs about a millisecond, and needs no compressor.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from common.errors import WireError

#: Coefficients of polynomials, each modulo a prime.
Residues = NDArray[np.uint64]


def packed_size(count: int, bits: int) -> int:
    """Bytes that `count` residues of `bits` bits take; `count` is a multiple of 64."""
    return count * bits // 8


def pack(residues: Residues, bits: int) -> bytes:
    """Pack residues, shape (count,) with a count as for `packed_size`, each below 2**bits, little-endian.

    As few neighbours as fill whole 64-bit words become one row. So the loop runs once for each column, at most
    64 times, and each time over all rows.
    """
    group = 64 // math.gcd(bits, 64)
    columns = residues.reshape(-1, group)
    words = np.zeros((len(columns), group * bits // 64), dtype=np.uint64)
    for column in range(group):
        word, shift = divmod(column * bits, 64)
        words[:, word] |= columns[:, column] << np.uint64(shift)
        if shift + bits > 64:
            words[:, word + 1] |= columns[:, column] >> np.uint64(64 - shift)
    return words.astype("<u8", copy=False).tobytes()


def unpack(data: bytes | memoryview, bits: int) -> Residues:
    """The residues, shape (count,), that `pack` made `data` of."""
    group = 64 // math.gcd(bits, 64)
    words = np.frombuffer(data, dtype="<u8").reshape(-1, group * bits // 64)
    columns = np.empty((len(words), group), dtype=np.uint64)
    mask = np.uint64((1 << bits) - 1)
    for column in range(group):
        word, shift = divmod(column * bits, 64)
        value = words[:, word] >> np.uint64(shift)
        if shift + bits > 64:
            value = value | (words[:, word + 1] << np.uint64(64 - shift))
        columns[:, column] = value & mask
    return columns.reshape(-1)


def pack_polynomials(polynomials: Residues, prime_bits: Sequence[int]) -> bytes:
    """Pack polynomials, shape (polynomials, primes, N), prime by prime: `prime_bits` are the primes' sizes in bits."""
    return b"".join(
        pack(np.ascontiguousarray(polynomials[:, index]).reshape(-1), bits) for index, bits in enumerate(prime_bits)
    )


def packed_polynomials_size(count: int, ring_dimension: int, prime_bits: Sequence[int]) -> int:
    """Bytes that `pack_polynomials` makes of `count` polynomials."""
    return sum(packed_size(count * ring_dimension, bits) for bits in prime_bits)


def unpack_polynomials(data: bytes | memoryview, count: int, ring_dimension: int, primes: Sequence[int]) -> Residues:
    """The polynomials, shape (count, primes, N), that `pack_polynomials` made `data` of.

    Raises `WireError` when the length is wrong or a residue isn't below its prime: SEAL must
    never see such bytes.
    """
    prime_bits = [prime.bit_length() for prime in primes]
    expected = packed_polynomials_size(count, ring_dimension, prime_bits)
    if len(data) != expected:
        raise WireError(f"packed residues take {len(data)} bytes where {expected} were expected")
    polynomials = np.empty((count, len(primes), ring_dimension), dtype=np.uint64)
    offset = 0
    view = memoryview(data)
    for index, (prime, bits) in enumerate(zip(primes, prime_bits, strict=True)):
        size = packed_size(count * ring_dimension, bits)
        residues = unpack(view[offset : offset + size], bits)
        if residues.size and int(residues.max()) >= prime:
            raise WireError(f"a residue is not below its prime ({bits} bits): the bytes were altered")
        polynomials[:, index] = residues.reshape(count, ring_dimension)
        offset += size
    return polynomials
