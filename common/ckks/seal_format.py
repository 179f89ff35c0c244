"""The bytes that SEAL 4.1 saves without compression, taken apart and put together.

Pyfhel exchanges ciphertexts and keys with us only as these bytes. The sender takes the residues out and
packs them (`common.ckks.residues`). The receiver writes SEAL's headers around them anew, from its own
parameters: nothing of a header that came from outside reaches SEAL.

Layouts, all little-endian (SEAL's `serialization.h`, `plaintext.cpp`, `ciphertext.cpp`, `kswitchkeys.cpp`):

    header      magic u16, header size u8, version u8 u8, compression u8, reserved u16, total size u64
    plaintext   header, parms_id[32], coefficients u64, scale f64, header, count u64, residues u64[count]
    ciphertext  header, parms_id[32], NTT flag u8, polynomials u64, N u64, primes u64,
                scale f64, correction factor u64, header, count u64, residues u64[count]
    seeded      a ciphertext whose count and residues are those of the first polynomial alone, and then
                header, generator u8, seed[64]: SEAL draws the second polynomial from the seed when it loads this
    key switch  header, parms_id[32], keys u64, per key: parts u64, per part: a ciphertext, seeded or not
"""

import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from common.ckks.packing import Residues

HEADER = struct.Struct("<HBBBBHQ")
PLAINTEXT = struct.Struct("<32sQd")
CIPHERTEXT = struct.Struct("<32sBQQQdQ")
U64 = struct.Struct("<Q")
MAGIC, VERSION = 0xA15E, (4, 1)
#: Bytes of SEAL's ciphertext before its first residue.
_DATA_OFFSET = HEADER.size + CIPHERTEXT.size + HEADER.size + U64.size
#: Bytes of the seed of a second polynomial.
SEED_BYTES = 64
#: SEAL's number of the generator that draws from a seed: Blake2xb (`prng_type` in `randomgen.h`).
_BLAKE2XB = b"\1"


class Seeded(NamedTuple):
    """A ciphertext, or a part of a key: the residues (primes, N) of its first polynomial, and the second one's seed."""

    first: Residues
    seed: bytes


def _header(body_size: int) -> bytes:
    return HEADER.pack(MAGIC, HEADER.size, *VERSION, 0, 0, HEADER.size + body_size)


def build_ciphertext(polynomials: Residues, parms_id: bytes, scale: float) -> bytes:
    """SEAL's bytes of a ciphertext, made of its residues, shape (polynomials, primes, N)."""
    return _ciphertext(polynomials, len(polynomials), parms_id, scale, b"")


def build_seeded(seeded: Seeded, parms_id: bytes, scale: float) -> bytes:
    """SEAL's bytes of a ciphertext with a seed; SEAL expands it when it loads them."""
    generator = _BLAKE2XB + seeded.seed
    return _ciphertext(seeded.first[np.newaxis], 2, parms_id, scale, _header(len(generator)) + generator)


def _ciphertext(polynomials: Residues, count: int, parms_id: bytes, scale: float, tail: bytes) -> bytes:
    """SEAL's bytes of a ciphertext of `count` polynomials, of which these are written out."""
    _, primes, dimension = polynomials.shape
    residues = np.ascontiguousarray(polynomials, dtype="<u8").tobytes()
    data = U64.pack(polynomials.size) + residues
    fields = CIPHERTEXT.pack(parms_id, 1, count, dimension, primes, scale, 1)
    body = fields + _header(len(data)) + data + tail
    return _header(len(body)) + body


def galois_index(element: int) -> int:
    """The place of a Galois element's key among switching keys (SEAL's `GaloisKeys::get_index`)."""
    return (element - 1) // 2


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


def read_seeded(blob: bytes | memoryview) -> Seeded:
    """A ciphertext with a seed that this process saved. Raises `ValueError` for any other."""
    _, _, _, dimension, primes, _, _ = CIPHERTEXT.unpack_from(blob, HEADER.size)
    size = dimension * primes
    generator = bytes(blob[_DATA_OFFSET + 8 * size + HEADER.size :])
    if len(generator) != len(_BLAKE2XB) + SEED_BYTES or generator[:1] != _BLAKE2XB:
        raise ValueError("SEAL saved no ciphertext with a seed of Blake2xb")
    first = np.frombuffer(blob, dtype="<u8", count=size, offset=_DATA_OFFSET).reshape(primes, dimension)
    return Seeded(first, generator[1:])


def read_switching_keys(blob: bytes) -> Iterator[tuple[int, Residues]]:
    """Index and residues, shape (parts, 2, primes, N), of each key that this process saved."""
    for index, parts in _split_keys(blob):
        yield index, np.stack([read_ciphertext(part) for part in parts])


def read_seeded_keys(blob: bytes) -> Iterator[tuple[int, list[Seeded]]]:
    """Index and parts of each key with seeds that this process saved."""
    for index, parts in _split_keys(blob):
        yield index, [read_seeded(part) for part in parts]


def _split_keys(blob: bytes) -> Iterator[tuple[int, list[memoryview]]]:
    """Index of each key, and the bytes of its parts; places without a key are left out."""
    view = memoryview(blob)
    offset = HEADER.size + 32
    (keys,) = U64.unpack_from(view, offset)
    offset += U64.size
    for index in range(keys):
        (parts,) = U64.unpack_from(view, offset)
        offset += U64.size
        found = []
        for _ in range(parts):
            size = HEADER.unpack_from(view, offset)[-1]
            found.append(view[offset : offset + size])
            offset += size
        if found:
            yield index, found


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
