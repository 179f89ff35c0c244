"""The test vectors of docs/protocol.md: what other clients are held to, ours are too."""

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from common.ckks.ciphertext import check_ciphertext, ciphertext_size, digest_of
from common.ckks.fhe import Context
from common.ckks.folded import decode_halves, encode_folded
from common.ckks.parameters import Parameters
from common.ckks.residues import pack_polynomials, unpack_polynomials
from common.ckks.seal_format import Seeded
from common.errors import WireError
from common.keys.evaluation_keys import EvaluationKeysHeader, read_head
from common.wire import messages, topics
from common.wire.capture_times import open_times
from common.wire.status import MAX_STATUS_BYTES, Status, decode_status, encode_status

VECTORS = Path(__file__).parents[3] / "data" / "protocol"


def vectors(name: str) -> Any:
    return json.loads((VECTORS / name).read_text())


def from_json(field: Any) -> Any:
    return bytes.fromhex(field["hex"]) if isinstance(field, dict) else field


@pytest.mark.parametrize("vector", vectors("messages.json"), ids=lambda vector: vector["name"])
def test_messages_are_these_bytes(vector: dict[str, Any]) -> None:
    kind = getattr(messages, vector["kind"])
    message = kind(**{name: from_json(field) for name, field in vector["fields"].items()})
    assert messages.encode(message).hex() == vector["hex"]
    assert messages.decode(bytes.fromhex(vector["hex"]), kind) == message


def test_every_kind_of_message_has_a_vector() -> None:
    kinds = {vector["kind"] for vector in vectors("messages.json")}
    assert kinds == {"Burst", "EncryptedScores", "Receipt", "ErrorReply", "KeyChunk", "KeyAck"}


def test_a_status_is_this_json() -> None:
    payload = vectors("status.json")["payload"].encode()
    assert encode_status(decode_status(payload)) == payload
    assert set(json.loads(payload)) == set(Status.__struct_fields__)
    assert len(payload) <= MAX_STATUS_BYTES


def test_a_job_names_the_capture_counter_and_the_ciphertext() -> None:
    fields = vectors("messages.json")[0]["fields"]
    counter, digest = fields["job"].split("-")
    assert digest == digest_of(from_json(fields["ciphertext"]))
    assert topics.parse(topics.frames(fields["device"], fields["job"])) == (fields["device"], fields["job"])
    assert counter == "00000007"


def test_residues_are_packed_like_this() -> None:
    vector = vectors("residues.json")
    polynomials, data = np.array(vector["polynomials"], np.uint64), bytes.fromhex(vector["hex"])
    assert pack_polynomials(polynomials, vector["prime_bits"]) == data
    primes = [(1 << bits) - 1 for bits in vector["prime_bits"]]  # the packing looks at their size alone
    assert np.array_equal(unpack_polynomials(data, 2, polynomials.shape[2], primes), polynomials)
    # The definition itself, bit by bit: residue i of a prime of b bits stands at bits i·b to i·b + b - 1.
    number = int.from_bytes(data[: 2 * 64 * 50 // 8], "little")
    expected = polynomials[:, 0].reshape(-1)
    assert [number >> 50 * index & (1 << 50) - 1 for index in range(len(expected))] == expected.tolist()


def test_a_ciphertext_begins_with_this_header() -> None:
    vector = vectors("ciphertext_header.json")
    parameters = msgspec.convert(vector["parameters"], Parameters)
    assert [str(prime) for prime in parameters.primes] == vector["primes"]
    assert msgspec.msgpack.encode(parameters).hex() == vector["parameters_msgpack_hex"]
    assert parameters.digest().hex() == vector["parameters_digest_hex"]
    header = bytes.fromhex(vector["header_hex"])
    whole = header.ljust(ciphertext_size(parameters, vector["level"]), b"\0")
    check_ciphertext(whole, parameters, vector["level"])
    with pytest.raises(WireError, match="level"):
        check_ciphertext(whole, parameters, vector["level"] - 1)


def test_evaluation_keys_begin_with_this_head() -> None:
    vector = vectors("evaluation_keys.json")
    data = bytes.fromhex(vector["head_hex"])
    header, start = read_head(data)
    assert (header, start) == (msgspec.convert(vector["header"], EvaluationKeysHeader, strict=False), len(data))
    assert header.size == vector["bytes_of_the_keys"]


def test_a_seed_stands_for_these_residues() -> None:
    vector = vectors("seeds.json")
    parameters = msgspec.convert(vector["parameters"], Parameters)
    seed, primes = bytes.fromhex(vector["seed_hex"]), parameters.primes[: vector["level"] + 1]
    context = Context(parameters)
    first = np.zeros((len(primes), parameters.ring_dimension), np.uint64)
    drawn = context.save_ciphertext(context.load_seeded(Seeded(first, seed), 1.0))[1]
    assert [[str(residue) for residue in residues[:4]] for residues in drawn] == vector["first_residues"]
    assert hashlib.sha256(drawn.astype("<u8").tobytes()).hexdigest() == vector["sha256"]


def test_a_folded_ciphertext_is_made_and_read_like_this() -> None:
    vector = vectors("folded.json")
    parameters = msgspec.convert(vector["parameters"], Parameters)
    primes, seed = parameters.primes[:-1], bytes.fromhex(vector["seed_hex"])
    first = np.array([[(i + 1) * 2**40 % q for i in range(parameters.ring_dimension)] for q in primes], np.uint64)
    data = encode_folded(parameters, Seeded(first, seed))
    assert hashlib.sha256(data).hexdigest() == vector["sha256"]
    (half,) = decode_halves(parameters, data, 1)
    names = ("first_polynomial_before_the_rotation", "second_polynomial_before_the_rotation")
    assert [[[str(x) for x in row[:4]] for row in polynomial] for polynomial in half] == [vector[one] for one in names]
    for prime, residues, means, halves in zip(
        primes, vector["first_residues"], vector["means"], vector[names[0]], strict=True
    ):
        a, b, c, d = map(int, residues)
        assert [int(mean) * 2 % prime for mean in means[:2]] == [(a + b) % prime, (c + d) % prime]
        assert [int(one) * 2 % prime for one in halves] == [int(means[place]) for place in (0, 0, 1, 1)]


def test_capture_times_open_with_the_sites_key() -> None:
    vector = vectors("capture_times.json")
    key = X25519PrivateKey.from_private_bytes(bytes.fromhex(vector["private_key_hex"]))
    sealed, whose = bytes.fromhex(vector["sealed_hex"]), (vector["key_set"], vector["device"], vector["job"])
    assert open_times(sealed, len(vector["times"]), key, *whose) == vector["times"]
