"""Writes the test vectors of docs/protocol.md anew: `python tests/data/protocol/make_vectors.py`.

Only a change of the protocol's version may change them; sealed capture times are random and differ each time.
"""

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from common.ckks.ciphertext import digest_of
from common.ckks.fhe import Context
from common.ckks.folded import decode_halves, encode_folded
from common.ckks.packing import Residues
from common.ckks.parameters import Parameters
from common.ckks.residues import pack_polynomials, unpack_polynomials
from common.ckks.seal_format import Seeded
from common.keys.evaluation_keys import EvaluationKeysHeader
from common.wire import messages
from common.wire.capture_times import seal_times
from common.wire.messages import Burst, EncryptedScores, ErrorReply, KeyAck, KeyChunk, Receipt
from common.wire.status import LastParked, Status, encode_status

HERE = Path(__file__).parent
PARAMETERS = Parameters(128, 8192, (50, 55, 55, 54))
CIPHERTEXT = bytes(range(32))
JOB = f"{7:08d}-{digest_of(CIPHERTEXT)}"
KEY_SET, PLAN = "a1" * 32, "b2" * 32

MESSAGES: dict[str, msgspec.Struct] = {
    "burst": Burst(1, "cam-01", JOB, KEY_SET, PLAN, 1764200000.5, CIPHERTEXT),
    "burst of a site": Burst(
        1, "cam-01", JOB, KEY_SET, PLAN, 1764200000.5, CIPHERTEXT, 2, "site", bytes(range(messages.sealed_size(2)))
    ),
    "burst that asks for rounded scores": Burst(
        1, "cam-01", JOB, KEY_SET, PLAN, 1764200000.5, CIPHERTEXT, labels="rounded"
    ),
    "encrypted scores": EncryptedScores(
        1, JOB, KEY_SET, PLAN, 1764200000.6, 1764200000.7, 1764200000.8, 1764200000.9, "worker-1", CIPHERTEXT
    ),
    "receipt": Receipt(1, JOB, 2, 1764200000.6, 1764200000.7, 1764200000.8, 1764200001.0, 1764200001.1),
    "error that the device retries": ErrorReply(1, JOB, "busy", "256 bursts wait already", 12.5),
    "error that parks the burst": ErrorReply(1, JOB, "malformed", "the ciphertext's level is 1 where 2 was expected"),
    "question how far an upload is": KeyChunk(1, 1000, "c3" * 32, b""),
    "chunk of evaluation keys": KeyChunk(1, 1000, "c3" * 32, b"BSEK1\0"),
    "acknowledgement of a chunk": KeyAck(1, KEY_SET, 6, 1000, False),
    "refused evaluation keys": KeyAck(1, KEY_SET, 0, 1000, False, "no served plan needs these keys", 30.0),
}


def plain(value: Any) -> Any:
    """A field as JSON has it: bytes as hexadecimal digits."""
    return {"hex": value.hex()} if isinstance(value, bytes) else value


def beginnings(polynomial: Residues) -> list[list[str]]:
    """The four first residues modulo each prime."""
    return [[str(residue) for residue in residues[:4]] for residues in polynomial]


def write(name: str, content: object) -> None:
    (HERE / name).write_text(json.dumps(content, indent=1) + "\n")


def main() -> None:
    write(
        "messages.json",
        [
            {
                "name": name,
                "kind": type(message).__name__,
                "fields": {
                    key: plain(value) for key, value in msgspec.to_builtins(message, builtin_types=(bytes,)).items()
                },
                "hex": messages.encode(message).hex(),
            }
            for name, message in MESSAGES.items()
        ],
    )
    status = Status(
        "online", "0123456789abcdef", 1764200000.0, "digits", PLAN, KEY_SET, 5, 3, 1, 0, 1, 0, 2.5, 319504,
        {"deadline": 1}, LastParked(JOB, "deadline", 1764200100.0),
    )  # fmt: skip
    write("status.json", {"payload": encode_status(status).decode()})
    residues = np.arange(2 * 2 * 64, dtype=np.uint64).reshape(2, 2, 64) * np.uint64(0x1FFF_FFFF)
    residues[:, 0] %= np.uint64(1 << 50)
    residues[:, 1] %= np.uint64(1 << 54)
    write(
        "residues.json",
        {"prime_bits": [50, 54], "polynomials": residues.tolist(), "hex": pack_polynomials(residues, (50, 54)).hex()},
    )
    digest = PARAMETERS.digest()
    write(
        "ciphertext_header.json",
        {
            "parameters": msgspec.to_builtins(PARAMETERS),
            "primes": [str(prime) for prime in PARAMETERS.primes],
            "parameters_msgpack_hex": msgspec.msgpack.encode(PARAMETERS).hex(),
            "parameters_digest_hex": digest.hex(),
            "level": 2,
            "header_hex": struct.pack("<4sBBBB8s", b"BSct", 1, 13, 2, 2, digest[:8]).hex(),
        },
    )
    header = EvaluationKeysHeader(KEY_SET, PARAMETERS, 2, {1: 2, 128: 1})
    encoded = msgspec.msgpack.encode(header)
    write(
        "evaluation_keys.json",
        {
            "header": msgspec.to_builtins(header, str_keys=True),
            "head_hex": (b"BSEK1\0" + struct.pack("<I", len(encoded)) + encoded).hex(),
            "bytes_of_the_keys": header.size,
        },
    )
    seed, drawn = bytes(range(64)), Context(PARAMETERS)
    first = np.zeros((3, PARAMETERS.ring_dimension), np.uint64)
    polynomials = drawn.save_ciphertext(drawn.load_seeded(Seeded(first, seed), 1.0))
    write(
        "seeds.json",
        {
            "parameters": msgspec.to_builtins(PARAMETERS),
            "level": 2,
            "seed_hex": seed.hex(),
            "first_residues": beginnings(polynomials[1]),
            "sha256": hashlib.sha256(polynomials[1].astype("<u8").tobytes()).hexdigest(),
        },
    )
    index = np.arange(PARAMETERS.ring_dimension, dtype=np.uint64)
    first = np.stack([(index + 1) * np.uint64(2**40) % np.uint64(prime) for prime in PARAMETERS.primes[:-1]])
    folded = encode_folded(PARAMETERS, Seeded(first, seed))
    (half,) = decode_halves(PARAMETERS, folded, 1)
    means = unpack_polynomials(folded[16 + 64 :], 1, PARAMETERS.ring_dimension // 2, PARAMETERS.primes[:-1])[0]
    write(
        "folded.json",
        {
            "parameters": msgspec.to_builtins(PARAMETERS),
            "seed_hex": seed.hex(),
            "residue_i_of_the_first_polynomial": "(i + 1) * 2**40 modulo the prime",
            "first_residues": beginnings(first),
            "means": beginnings(means),
            "first_polynomial_before_the_rotation": beginnings(half[0]),
            "second_polynomial_before_the_rotation": beginnings(half[1]),
            "sha256": hashlib.sha256(folded).hexdigest(),
        },
    )
    key, times = X25519PrivateKey.generate(), [1764200000.123, 1764200001.5]
    sealed = seal_times(times, key.public_key(), KEY_SET, "cam-01", JOB)
    write(
        "capture_times.json",
        {
            "private_key_hex": key.private_bytes_raw().hex(),
            "key_set": KEY_SET,
            "device": "cam-01",
            "job": JOB,
            "times": times,
            "sealed_hex": sealed.hex(),
        },
    )


if __name__ == "__main__":
    main()
