"""Numbers below 2**bits as bytes: each takes so many bits and no more.

SEAL stores a residue in 64 bits. Packing to the prime's size saves 12 to 25 % of every ciphertext and key,
and needs no compressor. The native engine's extension packs several times faster, where it is installed: the bytes
are the same.
"""

import math

import numpy as np
from numpy.typing import NDArray

try:
    import blindsight_engine as _native
except ImportError:
    _native = None  # type: ignore[assignment]

#: Coefficients of polynomials, each modulo a prime.
Residues = NDArray[np.uint64]


def packed_size(count: int, bits: int) -> int:
    """Bytes that `count` residues of `bits` bits take; `count` is a multiple of 64."""
    return count * bits // 8


def pack(residues: Residues, bits: int) -> bytes:
    """Pack residues, shape (count,) with a count as for `packed_size`, each below 2**bits, little-endian."""
    return pack_with_numpy(residues, bits) if _native is None else _native.pack(residues, bits)


def unpack(data: bytes | memoryview, bits: int) -> Residues:
    """The residues, shape (count,), that `pack` made `data` of."""
    if _native is None:
        return unpack_with_numpy(data, bits)
    return _native.unpack(bytes(data), len(data) * 8 // bits, bits)


def pack_with_numpy(residues: Residues, bits: int) -> bytes:
    """What `pack` does where the extension isn't installed.

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


def unpack_with_numpy(data: bytes | memoryview, bits: int) -> Residues:
    """What `unpack` does where the extension isn't installed."""
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
