"""Ciphertexts of which only the upper bits of the coefficients are sent: scores, which need no more.

    header as in `common.ckks.ciphertext`, version 3, then how many bits of each coefficient are there,
    of the first polynomial u8 and of the second u8, and these bits, packed, polynomial by polynomial

What is left out counts as an error of the coefficients, that is, as noise of the scores.
"""

from collections.abc import Callable, Iterable

import numpy as np

from common.ckks.ciphertext import ROUNDED, check_header, decode_ciphertexts, encode_header, header_size, version_of
from common.ckks.fhe import Ciphertext, Context
from common.ckks.ntt import transform
from common.ckks.packing import Residues, pack, packed_size, unpack
from common.ckks.parameters import Parameters
from common.errors import WireError

#: Bits of each coefficient that are sent, of a ciphertext's first and second polynomial.
Bits = tuple[int, int]
#: Bytes in front of the coefficients.
_START = header_size() + 2


def rounded_size(parameters: Parameters, bits: Bits) -> int:
    """Bytes of the wire form of a rounded ciphertext."""
    return _START + sum(packed_size(parameters.ring_dimension, each) for each in bits)


def encode_rounded(
    parameters: Parameters,
    scores: Iterable[Residues],
    bits: Bits,
    inverse: Callable[[Residues], Residues] | None = None,
) -> bytes:
    """The wire forms, one behind the other, of ciphertexts at level 0 with so many bits of each coefficient.

    Each is its residues, shape (2, 1, N). `inverse` takes a polynomial's residues to coefficients; without one NumPy
    does, which takes longer.
    """
    prime = parameters.primes[0]
    inverse = inverse or transform(prime, parameters.ring_dimension).inverse
    pieces: list[bytes] = []
    for residues in scores:
        pieces.append(encode_header(parameters, ROUNDED, 0) + bytes(bits))
        pieces.extend(pack(_rounded(inverse(residues[half, 0]), each, prime), each) for half, each in enumerate(bits))
    return b"".join(pieces)


def decode_scores(context: Context, data: bytes, scale: float, count: int) -> list[Ciphertext]:
    """The `count` ciphertexts at level 0 whose wire forms, rounded or not, stand in `data` one behind the other.

    All are rounded to the same bits, or none is. Raises `WireError` for any other bytes.
    """
    if version_of(data) != ROUNDED:
        return decode_ciphertexts(context, data, 0, scale, count)
    bits = _bits(data, context.parameters)
    size = rounded_size(context.parameters, bits)
    if len(data) != count * size:
        raise WireError(
            f"the scores have {len(data)} bytes where {count * size} were expected: they were cut or padded"
        )
    return [_decode(context, data[start : start + size], bits, scale) for start in range(0, len(data), size)]


def _decode(context: Context, data: bytes, bits: Bits, scale: float) -> Ciphertext:
    parameters, prime = context.parameters, context.parameters.primes[0]
    if _bits(data, parameters) != bits:
        raise WireError("the ciphertexts of scores aren't all rounded to the same bits")
    middle = _START + packed_size(parameters.ring_dimension, bits[0])
    halves = (memoryview(data)[_START:middle], memoryview(data)[middle:])
    coefficients = np.stack(
        [_restored(unpack(half, each), each, prime) for half, each in zip(halves, bits, strict=True)]
    )
    residues = transform(prime, parameters.ring_dimension).forward(coefficients)
    if not residues[1].any():
        raise WireError("the ciphertext's second polynomial is zero: nothing is encrypted, and SEAL refuses it")
    return context.load_ciphertext(residues[:, np.newaxis], scale)


def _bits(data: bytes, parameters: Parameters) -> Bits:
    """How many bits of coefficients follow the header, which is checked."""
    check_header(data, parameters, ROUNDED, 0)
    most = parameters.prime_bits[0]
    if len(data) < _START or not all(1 <= each <= most for each in data[_START - 2 : _START]):
        raise WireError(f"a rounded ciphertext has 1 to {most} bits of each coefficient")
    return data[_START - 2], data[_START - 1]


def _rounded(coefficients: Residues, bits: int, prime: int) -> Residues:
    """The upper bits of coefficients, of as many as the prime has."""
    left_out = prime.bit_length() - bits
    half = np.uint64((1 << left_out) >> 1)
    return np.asarray(np.minimum((coefficients + half) >> np.uint64(left_out), np.uint64((1 << bits) - 1)))


def _restored(upper: Residues, bits: int, prime: int) -> Residues:
    return np.asarray(np.minimum(upper << np.uint64(prime.bit_length() - bits), np.uint64(prime - 1)))
