"""Evaluation keys that arrive in chunks gather in Redis, in order, whichever bridge gets them."""

import hashlib
from typing import Any

import redis

from common import tasks
from common.errors import WireError
from common.evaluation_keys import read_header
from common.messages import KeyAck, KeyChunk
from common.topics import KeysTopic

#: Appends a chunk exactly where the upload stands, so chunks may come twice or out of order.
_APPEND = """
local length = redis.call('STRLEN', KEYS[1])
if length == tonumber(ARGV[1]) and #ARGV[2] > 0 then
    length = redis.call('APPEND', KEYS[1], ARGV[2])
    redis.call('EXPIRE', KEYS[1], ARGV[3])
end
return length
"""
_UPLOAD_TTL = 3600
#: Keys are taken while Redis is no fuller than this; frames could never leave one that keys had filled.
_KEYS_SHARE = 0.75


class KeyUploads:
    """Takes chunks, and says how far each upload is."""

    def __init__(self, client: "redis.Redis", key_ttl: int, max_bytes: int) -> None:
        self._redis = client
        self._key_ttl = key_ttl
        self._max_bytes = max_bytes
        self._append = client.register_script(_APPEND)

    def take(self, topic: KeysTopic, chunk: KeyChunk) -> KeyAck | None:
        """Store a chunk if it is the next one; when the last has come, check and keep the whole.

        None while Redis has no room for keys: without an answer the key holder asks again, in a few seconds.
        Raises `redis.RedisError`.
        """
        stored = tasks.keys_key(topic.device, topic.fingerprint)
        digest = tasks.keys_digest_key(topic.device, topic.fingerprint)
        if self._redis.exists(stored):
            self._redis.expire(stored, self._key_ttl)
            self._redis.expire(digest, self._key_ttl)
            return _ack(topic, chunk, chunk.total, complete=True)
        if chunk.total > self._max_bytes:
            limit = f"keys of {chunk.total:,} bytes; the bridge takes {self._max_bytes:,} (--max-key-mb)"
            return _ack(topic, chunk, 0, error=limit)
        if topic.offset + len(chunk.data) > chunk.total:
            return _ack(topic, chunk, 0, error="a chunk reaches beyond the total that it names")
        if not self._has_room(len(chunk.data)):
            return None
        upload = tasks.upload_key(topic.device, topic.fingerprint)
        received = int(self._append(keys=[upload], args=[topic.offset, chunk.data, _UPLOAD_TTL]))
        if received < chunk.total:
            return _ack(topic, chunk, received)
        return self._finish(topic, chunk, upload, stored, digest)

    def _has_room(self, size: int) -> bool:
        """Whether Redis may hold so many more bytes of keys: the rest of its memory is for frames and labels."""
        memory: Any = self._redis.info("memory")
        most = memory["maxmemory"]
        return not most or memory["used_memory"] + size <= _KEYS_SHARE * most

    def _finish(self, topic: KeysTopic, chunk: KeyChunk, upload: str, stored: str, digest: str) -> KeyAck:
        data: Any = self._redis.get(upload) or b""
        try:
            if hashlib.sha256(data).hexdigest() != chunk.sha256:
                raise WireError("the upload doesn't have the SHA-256 that was announced")
            header, _ = read_header(data)
            if header.fingerprint != topic.fingerprint:
                raise WireError("the keys belong to another fingerprint than their topic")
        except WireError as error:
            self._redis.delete(upload)
            return _ack(topic, chunk, 0, error=str(error))
        with self._redis.pipeline() as pipeline:
            pipeline.rename(upload, stored)
            pipeline.expire(stored, self._key_ttl)
            pipeline.set(digest, chunk.sha256, ex=self._key_ttl)
            pipeline.execute()
        return _ack(topic, chunk, chunk.total, complete=True)


def _ack(topic: KeysTopic, chunk: KeyChunk, received: int, complete: bool = False, error: str | None = None) -> KeyAck:
    return KeyAck(1, topic.fingerprint, received, chunk.total, complete, error)
