"""442 KB of evaluation keys for N = 32768 and 32 primes, which take gigabytes to load, and frames that name them."""

import secrets
import struct

import msgspec

from benchmarks.hostile.attacks.attacker import Attacker, make_material, parse_options
from common.ckks.parameters import Parameters
from common.keys.evaluation_keys import EvaluationKeysHeader

#: Key sets a second, each followed by a frame.
_PER_SECOND = 4.0
_PARAMETERS = Parameters(security_bits=128, ring_dimension=32768, prime_bits=(27,) * 32)
#: One key of the lowest level: two polynomials modulo the first and the special prime. Zeros are valid residues.
_KEY_BYTES = 2 * _PARAMETERS.ring_dimension * 2 * 27 // 8


def bad_keys(fingerprint: str) -> bytes:
    """Evaluation keys as a device would upload them, with nothing wrong but that no plan is made for them."""
    header = msgspec.msgpack.encode(EvaluationKeysHeader(fingerprint, _PARAMETERS, 0, {}))
    return b"BSEK1\0" + struct.pack("<I", len(header)) + header + bytes(_KEY_BYTES)


def main() -> None:
    """Upload one key set after another, and have each loaded."""
    options, material = parse_options(__doc__), make_material()
    with Attacker(options) as attacker:
        attacker.begin()
        for number in attacker.pace(_PER_SECOND):
            fingerprint = secrets.token_hex(32)
            attacker.upload_bytes(fingerprint, bad_keys(fingerprint))
            attacker.send_frame(number, fingerprint, material.head.hash, material.ciphertext)


if __name__ == "__main__":
    main()
