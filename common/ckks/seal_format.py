"""The bytes that SEAL 4.1 saves without compression, taken apart and put together.

Pyfhel exchanges ciphertexts and keys with us only as these bytes. The sender takes the residues out and
packs them (`common.ckks.residues`). The receiver writes SEAL's headers around them anew, from its own
parameters: nothing of a header that came from outside reaches SEAL.

Layouts, all little-endian (SEAL's `serialization.h`, `plaintext.cpp`, `ciphertext.cpp`, `kswitchkeys.cpp`):

    header      magic u16, header size u8, version u8 u8, compression u8, reserved u16, total size u64
    plaintext   header, parms_id[32], coefficients u64, scale f64, header, count u64, residues u64[count]
    ciphertext  header, parms_id[32], NTT flag u8, polynomials u64, N u64, primes u64,
                scale f64, correction factor u64, header, count u64, residues u64[count]
    key switch  header, parms_id[32], keys u64, per key: parts u64, per part: a ciphertext
"""

import struct
from collections.abc import Iterator, Mapping

import numpy as np

from common.ckks.packing import Residues

HEADER = struct.Struct("<HBBBBHQ")
PLAINTEXT = struct.Struct("<32sQd")
CIPHERTEXT = struct.Struct("<32sBQQQdQ")
U64 = struct.Struct("<Q")
MAGIC, VERSION = 0xA15E, (4, 1)
#: Bytes of SEAL's ciphertext before its first residue.
_DATA_OFFSET = HEADER.size + CIPHERTEXT.size + HEADER.size + U64.size


def _header(body_size: int) -> bytes:
    return HEADER.pack(MAGIC, HEADER.size, *VERSION, 0, 0, HEADER.size + body_size)


def build_ciphertext(polynomials: Residues, parms_id: bytes, scale: float) -> bytes:
    """SEAL's bytes of a ciphertext, made of its residues, shape (polynomials, primes, N)."""
    count, primes, dimension = polynomials.shape
    residues = np.ascontiguousarray(polynomials, dtype="<u8").tobytes()
    data = U64.pack(polynomials.size) + residues
    fields = CIPHERTEXT.pack(parms_id, 1, count, dimension, primes, scale, 1)
    body = fields + _header(len(data)) + data
    return _header(len(body)) + body


def read_parms_id(blob: bytes) -> bytes:
    """The identifier of the moduli that a saved plaintext, ciphertext or key belongs to."""
    return blob[HEADER.size : HEADER.size + 32]


def read_plaintext(blob: bytes, dimension: int) -> Residues:
    """The residues, shape (primes, N), of a plaintext that this process saved; `dimension` is N."""
    _, count, _ = PLAINTEXT.unpack_from(blob, HEADER.size)
    offset = HEADER.size + PLAINTEXT.size + HEADER.size + U64.size
    return np.frombuffer(blob, dtype="<u8", count=count, offset=offset).reshape(-1, dimension)


def read_ciphertext(blob: bytes | memoryview) -> Residues:
    """The residues, shape (polynomials, primes, N), of a ciphertext that this process saved."""
    _, _, count, dimension, primes, _, _ = CIPHERTEXT.unpack_from(blob, HEADER.size)
    size = count * dimension * primes
    residues = np.frombuffer(blob, dtype="<u8", count=size, offset=_DATA_OFFSET)
    return residues.reshape(count, primes, dimension)


def read_switching_keys(blob: bytes) -> Iterator[tuple[int, Residues]]:
    """Index and residues, shape (parts, 2, primes, N), of each key that this process saved."""
    view = memoryview(blob)
    offset = HEADER.size + 32
    (keys,) = U64.unpack_from(view, offset)
    offset += U64.size
    for index in range(keys):
        (parts,) = U64.unpack_from(view, offset)
        offset += U64.size
        residues = []
        for _ in range(parts):
            size = HEADER.unpack_from(view, offset)[-1]
            residues.append(read_ciphertext(view[offset : offset + size]))
            offset += size
        if residues:
            yield index, np.stack(residues)


def build_switching_keys(keys: Mapping[int, Residues], count: int, parms_id: bytes) -> bytes:
    """SEAL's bytes of a set of switching keys: `count` places, most of them empty.

    `keys` maps the number of a place to the key's residues, shape (parts, 2, primes, N).
    """
    pieces = [parms_id, U64.pack(count)]
    for index in range(count):
        parts = keys.get(index)
        pieces.append(U64.pack(0 if parts is None else len(parts)))
        if parts is not None:
            pieces.extend(build_ciphertext(part, parms_id, 1.0) for part in parts)
    body_size = sum(map(len, pieces))
    return b"".join([_header(body_size), *pieces])
