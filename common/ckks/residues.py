"""Residue polynomials as bytes: prime by prime, each residue in its prime's bits (`common.ckks.packing`)."""

from collections.abc import Sequence

import numpy as np

from common.ckks.packing import Residues, pack, packed_size, unpack
from common.errors import WireError


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

    Raises `WireError` when the length is wrong or a residue isn't below its prime: no evaluator must see such bytes.
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
