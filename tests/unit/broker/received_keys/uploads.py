"""Uploads of evaluation keys: by hand, and as a key holder sends them."""

import hashlib
import struct

import msgspec
import redis

from broker.received_keys import KeyUploads
from common.keys.evaluation_keys import EvaluationKeysHeader
from common.keys.key_set import KeySet
from common.keys.upload import KeyUpload
from common.wire.messages import KeyAck, KeyChunk
from common.wire.topics import KeysTopic, parse
from models.plans import get_plan

CHUNK = 4_000_000
HEAD = get_plan("digits", 128).head


def held(store: "redis.Redis") -> list[bytes]:
    """What Redis holds of key sets."""
    return sorted(key for key in store.scan_iter() if not key.startswith(b"blindsight:key-needs"))


def taken(bridge: KeyUploads, topic: KeysTopic, chunk: KeyChunk) -> KeyAck:
    ack = bridge.take(topic, chunk)
    assert ack is not None
    return ack


def header(fingerprint: str = "ab" * 32, **changes: object) -> EvaluationKeysHeader:
    fields = (fingerprint, HEAD.parameters, HEAD.relinearisation_level, HEAD.rotations)
    return msgspec.structs.replace(EvaluationKeysHeader(*fields), **changes)


def first(head: EvaluationKeysHeader, zeros: int = 1000, **changes: object) -> tuple[KeysTopic, KeyChunk]:
    """The first chunk of keys with this header: it, and zeros."""
    encoded = msgspec.msgpack.encode(head)
    start = b"BSEK1\0" + struct.pack("<I", len(encoded)) + encoded
    chunk = KeyChunk(1, len(start) + head.size, "c" * 64, start + bytes(zeros))
    return KeysTopic("cam-a", head.fingerprint, 0), msgspec.structs.replace(chunk, **changes)


class Upload:
    """The upload of a key set's file, or of other bytes, by hand."""

    def __init__(self, bridge: KeyUploads, key_set: KeySet) -> None:
        self.bridge = bridge
        self.data = key_set.evaluation_keys()
        self.fingerprint = key_set.fingerprint
        self.sha256 = hashlib.sha256(self.data).hexdigest()
        self.offsets = range(0, len(self.data), CHUNK)

    def send(self, offset: int, size: int = CHUNK, device: str = "cam-a") -> KeyAck:
        chunk = KeyChunk(1, len(self.data), self.sha256, self.data[offset : offset + size])
        return taken(self.bridge, KeysTopic(device, self.fingerprint, offset), chunk)

    def whole(self) -> list[KeyAck]:
        return [self.send(offset) for offset in self.offsets]


class Holder:
    """A key holder that uploads its key set, and the chunks that it has sent and nobody has taken yet."""

    def __init__(self, key_set: KeySet) -> None:
        self.chunks: list[tuple[KeysTopic, KeyChunk]] = []
        self.upload = KeyUpload("cam-a", key_set, self._sent)

    def _sent(self, topic: str, chunk: KeyChunk) -> None:
        parsed = parse(topic)
        assert isinstance(parsed, KeysTopic)
        self.chunks.append((parsed, chunk))

    def begin(self, bridge: KeyUploads) -> None:
        """Begin, and go on until nothing is left to send; chunks are taken in their order."""
        self.upload.begin()
        while self.chunks:
            self.upload.acknowledged(taken(bridge, *self.chunks.pop(0)))
