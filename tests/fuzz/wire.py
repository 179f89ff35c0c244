"""What comes over the network: messages, topics, ciphertexts, evaluation keys."""

import json
from functools import cache

import msgspec
import numpy as np

from common.ckks.ciphertext import decode_ciphertexts, encode_ciphertext, encode_seeded
from common.ckks.fhe import Context
from common.ckks.folded import decode_halves, encode_folded
from common.ckks.parameters import Parameters
from common.ckks.rounded import decode_scores, encode_rounded
from common.ckks.seal_format import Seeded
from common.keys.evaluation_keys import (
    EvaluationKeysHeader,
    encode_evaluation_keys,
    read_header,
)
from common.wire import messages, topics
from common.wire.status import Status, decode_status, encode_status
from tests.engines import ENGINES
from tests.fuzz.target import Target

_KINDS = (
    messages.Burst,
    messages.EncryptedScores,
    messages.Receipt,
    messages.ErrorReply,
    messages.KeyChunk,
    messages.KeyAck,
)
_PARAMETERS = Parameters(128, 4096, (39, 29, 38))
_JOB, _HASH = "00000001-0123456789abcdef", "ab" * 32
_SCALE = 2.0**20


@cache
def _context() -> Context:
    context = Context(_PARAMETERS)
    context.generate_keys([1])
    return context


def _keys() -> bytes:
    header = EvaluationKeysHeader(_HASH, _PARAMETERS, 1, {1: 1})
    return encode_evaluation_keys(_context(), header)


def _ciphertext() -> bytes:
    return encode_ciphertext(_context(), _context().encrypt(np.ones(2048), _SCALE))


def _seeded_ciphertext() -> bytes:
    first = np.arange(2 * 4096, dtype=np.uint64).reshape(2, 4096)
    return encode_seeded(_PARAMETERS, Seeded(first, bytes(range(64))))


def _folded_ciphertext() -> bytes:
    first = np.arange(2 * 4096, dtype=np.uint64).reshape(2, 4096)
    return encode_folded(_PARAMETERS, Seeded(first, bytes(range(64))))


def _rounded_scores() -> bytes:
    context = _context()
    scores = context.switched_down(context.encrypt(np.ones(2048), _SCALE), 1)
    return encode_rounded(_PARAMETERS, [context.save_ciphertext(scores)], (20, 25))


def _seeded_keys() -> bytes:
    """Keys with seeds by a header that says so, and the sizes that it asks for: residues of zero, and any seed."""
    header = EvaluationKeysHeader(_HASH, _PARAMETERS, 1, {1: 1}, seeded=True)
    encoded = msgspec.msgpack.encode(header)
    return b"BSEK1\0" + len(encoded).to_bytes(4, "little") + encoded + bytes(header.size)


def _messages() -> list[bytes]:
    """A message of each kind, without its checksum: that, the target adds."""
    made = (
        messages.Burst(1, "cam", _JOB, _HASH, _HASH, 1.0, b"x" * 100),
        messages.EncryptedScores(1, _JOB, _HASH, _HASH, 1.0, 2.0, 3.0, 4.0, "worker", b"x" * 100),
        messages.Receipt(1, _JOB, 1, 1.0, 2.0, 3.0, 4.0, 5.0),
        messages.ErrorReply(1, _JOB, "busy", "later", 1.0),
        messages.KeyChunk(1, 1000, _HASH, b"x" * 100),
        messages.KeyAck(1, _HASH, 1, 1, True),
    )
    return [messages.encode(message)[:-4] for message in made]


def _read_message(data: bytes) -> None:
    """As every kind of message; refused when none is."""
    refused = []
    for kind in _KINDS:
        try:
            messages.decode(messages.with_checksum(data), kind)
        except messages.WireError as error:
            refused.append(error)
    if len(refused) == len(_KINDS):
        raise refused[0]


def _read_keys(data: bytes) -> None:
    read_header(data)
    for engine in ENGINES:
        engine.load_keys(data)


def _read_topic(data: bytes) -> None:
    topic = data.decode(errors="surrogateescape")
    topics.parse_any(topic)
    topics.parse(topic)


TARGETS = (
    Target("message", _messages, _read_message, "msgpack"),
    Target(
        "status",
        lambda: [
            encode_status(Status("online", "a", 1.0, "digits")),
            json.dumps({"state": "offline", "instance": "b", "started_at": 0, "more": [1, {"x": None}]}).encode(),
        ],
        decode_status,
        "json",
    ),
    Target(
        "topic",
        lambda: [topics.frames("cam", _JOB).encode(), topics.keys("cam", _HASH, 8).encode()],
        _read_topic,
    ),
    Target(
        "ciphertext",
        lambda: [_ciphertext(), _seeded_ciphertext()],
        lambda data: decode_ciphertexts(_context(), data, 1, _SCALE, 1),
    ),
    Target("folded_ciphertext", lambda: [_folded_ciphertext()], lambda data: decode_halves(_PARAMETERS, data, 1)),
    Target("scores", lambda: [_rounded_scores()], lambda data: decode_scores(_context(), data, _SCALE, 1)),
    Target("evaluation_keys", lambda: [_keys(), _seeded_keys()], _read_keys),
)
