"""The wire forms of ciphertexts: for each a header of our own, and residues packed to their primes' bits.

    header: magic "BSct", version u8, log2 N u8, level u8, polynomials u8, parameters digest[8]
    version 1: the residues of both polynomials
    version 2: the seed of the second polynomial [64], the residues of the first
    version 3: `common.ckks.rounded`
    version 4: `common.ckks.folded`

SEAL doesn't authenticate what it loads, and hostile bytes can crash it. So every field, the
length and each residue are checked here first, and SEAL sees only bytes that we framed. The native engine takes
the residues as they are, and needs no context of SEAL's.
"""

import hashlib
import struct
from collections.abc import Sequence

from common.ckks.expansion import expander
from common.ckks.fhe import Ciphertext, Context
from common.ckks.packing import Residues
from common.ckks.parameters import Parameters
from common.ckks.residues import pack_polynomials, packed_polynomials_size, unpack_polynomials
from common.ckks.seal_format import SEED_BYTES, Seeded
from common.errors import WireError

_HEADER = struct.Struct("<4sBBBB8s")
_MAGIC = b"BSct"
#: Versions of the wire form: all residues; a seed in place of the second polynomial; and those of the modules
#: `common.ckks.rounded` and `common.ckks.folded`.
_FULL, _SEEDED, ROUNDED, FOLDED = 1, 2, 3, 4
#: Polynomials of a ciphertext on the wire: each product is relinearised before it is sent.
_POLYNOMIALS = 2


def digest_of(data: bytes) -> str:
    """The 16 first hexadecimal digits of the bytes' SHA-256.

    A job's name contains those of its ciphertexts, so a worker notices when their bytes changed on their way.
    """
    return hashlib.sha256(data).hexdigest()[:16]


def ciphertext_size(parameters: Parameters, level: int, seeded: bool = False) -> int:
    """Bytes of the wire form of a ciphertext at a level, with or without a seed."""
    prime_bits, polynomials = parameters.data_prime_bits[: level + 1], 1 if seeded else _POLYNOMIALS
    packed = packed_polynomials_size(polynomials, parameters.ring_dimension, prime_bits)
    return _HEADER.size + (SEED_BYTES if seeded else 0) + packed


def encode_seeded(parameters: Parameters, seeded: Seeded) -> bytes:
    """The wire form of a ciphertext with a seed."""
    level = len(seeded.first) - 1
    packed = pack_polynomials(seeded.first[None], parameters.data_prime_bits[: level + 1])
    return encode_header(parameters, _SEEDED, level) + seeded.seed + packed


def encode_ciphertext(context: Context, ciphertext: Ciphertext) -> bytes:
    """The wire form of a ciphertext, which has two polynomials."""
    return encode_residues(context.parameters, context.save_ciphertext(ciphertext))


def encode_residues(parameters: Parameters, residues: Residues) -> bytes:
    """The wire form of the ciphertext with these residues, shape (2, level + 1, N)."""
    level = residues.shape[1] - 1
    return encode_header(parameters, _FULL, level) + pack_polynomials(residues, parameters.data_prime_bits[: level + 1])


def encode_ciphertexts(context: Context, ciphertexts: Sequence[Ciphertext]) -> bytes:
    """The wire forms of ciphertexts, all at one level, one behind the other."""
    return b"".join(encode_ciphertext(context, ciphertext) for ciphertext in ciphertexts)


def decode_ciphertexts(context: Context, data: bytes, level: int, scale: float, count: int) -> list[Ciphertext]:
    """The `count` ciphertexts, at this level and scale, whose wire forms stand in `data` one behind the other.

    All have a seed, or none has. Raises `WireError` for any other bytes.
    """
    return [context.load_ciphertext(each, scale) for each in decode_residues(context.parameters, data, level, count)]


def decode_residues(parameters: Parameters, data: bytes, level: int, count: int) -> list[Residues]:
    """The residues, shape (2, level + 1, N), of each of the ciphertexts that `decode_ciphertexts` reads.

    Raises `WireError` for any other bytes.
    """
    return [_residues(part, parameters, level) for part in _split(data, parameters, level, count)]


def check_header(data: bytes, parameters: Parameters, version: int, level: int) -> None:
    """Raise `WireError` unless the bytes begin with the header of a ciphertext in this version and at this level."""
    if len(data) < _HEADER.size:
        raise WireError(f"a ciphertext of {len(data)} bytes is shorter than its header")
    fields, expected = _HEADER.unpack_from(data), _HEADER.unpack(encode_header(parameters, version, level))
    names = ("magic", "version", "log2 of the ring dimension", "level", "polynomials", "parameters")
    for name, value, right in zip(names, fields, expected, strict=True):
        if value != right:
            raise WireError(f"the ciphertext's {name} is {_show(value)} where {_show(right)} was expected")


def check_ciphertext(data: bytes, parameters: Parameters, level: int) -> None:
    """Raise `WireError` unless header and length are those of a ciphertext at this level."""
    seeded = _is_seeded(data)
    check_header(data, parameters, _SEEDED if seeded else _FULL, level)
    size = ciphertext_size(parameters, level, seeded)
    if len(data) != size:
        raise WireError(f"the ciphertext has {len(data)} bytes where {size} were expected: it was cut or padded")


def decode_ciphertext(context: Context, data: bytes, level: int, scale: float) -> Ciphertext:
    """The ciphertext, at this level and scale, whose wire form `data` is. Raises `WireError` for any other bytes."""
    check_ciphertext(data, context.parameters, level)
    return context.load_ciphertext(_residues(data, context.parameters, level), scale)


def _residues(data: bytes, parameters: Parameters, level: int) -> Residues:
    """The residues of a ciphertext whose header and length were checked."""
    body, primes = memoryview(data)[_HEADER.size :], parameters.primes[: level + 1]
    if _is_seeded(data):
        (first,) = unpack_polynomials(body[SEED_BYTES:], 1, parameters.ring_dimension, primes)
        return expander(parameters).ciphertext(Seeded(first, bytes(body[:SEED_BYTES])))
    residues = unpack_polynomials(body, _POLYNOMIALS, parameters.ring_dimension, primes)
    if not residues[1].any():
        raise WireError("the ciphertext's second polynomial is zero: nothing is encrypted, and SEAL refuses it")
    return residues


def version_of(data: bytes) -> int | None:
    """The version that the bytes name, if they are as long as that."""
    return data[len(_MAGIC)] if len(data) > len(_MAGIC) else None


def header_size() -> int:
    """Bytes of a ciphertext's header."""
    return _HEADER.size


def encode_header(parameters: Parameters, version: int, level: int) -> bytes:
    """The header of a ciphertext."""
    digest = parameters.digest()[:8]
    return _HEADER.pack(_MAGIC, version, parameters.log_ring_dimension, level, _POLYNOMIALS, digest)


def _is_seeded(data: bytes) -> bool:
    return version_of(data) == _SEEDED


def _split(data: bytes, parameters: Parameters, level: int, count: int) -> list[bytes]:
    size = ciphertext_size(parameters, level, _is_seeded(data))
    if len(data) != count * size:
        raise WireError(
            f"the ciphertext has {len(data)} bytes where {count * size} were expected: it was cut or padded"
        )
    parts = [data[start : start + size] for start in range(0, len(data), size)]
    for part in parts:
        check_ciphertext(part, parameters, level)
    return parts


def _show(value: int | bytes) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
