"""Evaluation keys that arrive in chunks gather in Redis in their order, whichever bridge gets the chunks.

The first chunk holds the header, which tells whether a served plan needs such keys; before that nothing is stored. A
key holder may have two key sets in Redis, the present one and the next; a key set that is under way counts as one.
"""

from typing import Any, cast

import redis

from broker.digests import UploadDigests
from common.errors import BlindsightError, KeySetError, WireError
from common.fleet import redis_keys
from common.fleet.key_room import memory_for_keys, room_for_keys
from common.fleet.registry import Registry
from common.keys.evaluation_keys import EvaluationKeysHeader, check_storable, read_head
from common.keys.key_needs import KeyNeeds, ServedNeeds
from common.logs import get_logger
from common.service.repeated import RepeatedLines
from common.wire.messages import KeyAck, KeyChunk, explained
from common.wire.topics import KeysTopic

#: A script that appends a chunk to its upload if the chunk continues it exactly; so chunks may come twice or out of
#: order. A chunk that begins another upload of the same key set replaces the one under way. Gives the upload's bytes.
_APPEND = """
if redis.call('GET', KEYS[2]) ~= ARGV[4] then
    if ARGV[1] ~= '0' then return 0 end
    redis.call('DEL', KEYS[1])
    redis.call('SET', KEYS[2], ARGV[4])
end
local length = redis.call('STRLEN', KEYS[1])
if length == tonumber(ARGV[1]) then
    length = redis.call('APPEND', KEYS[1], ARGV[2])
end
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return length
"""
#: Seconds for which an upload that doesn't go on is kept.
_UPLOAD_TTL = 3600
#: Key sets of one key holder. A third one takes the place of the one that was asked for longest ago.
_KEY_SETS = 2
#: Seconds after which a key holder shall come again with keys that no served plan needs: their worker may be starting.
_UNSERVED_SECONDS = 30.0
#: Seconds after which it shall come again with keys that Redis has no room for: waiting frames may have left it.
_FULL_SECONDS = 5.0

log = get_logger(__name__)


class _FullError(BlindsightError):
    """Redis has no room for keys."""


class KeyUploads:
    """Takes chunks, and says how far each upload is. `key_ttl`: seconds for which keys are kept that nobody uses."""

    def __init__(self, client: "redis.Redis", key_ttl: int) -> None:
        self._redis = client
        self._key_ttl = key_ttl
        self._needs, self._registry = ServedNeeds(client), Registry(client)
        self._lines = RepeatedLines()
        self._digests = UploadDigests(client)
        self._append = client.register_script(_APPEND)

    def take(self, topic: KeysTopic, chunk: KeyChunk) -> KeyAck | None:
        """Store a chunk if it is the next one; when the last one has come, check and keep the whole upload.

        Gives the answer to the key holder; None while there is nothing to say, since a key holder without an answer
        asks again in a few seconds. Raises `redis.RedisError`.
        """
        stored, digest = _stored_keys(topic.device, topic.fingerprint)
        with self._redis.pipeline() as pipeline:
            pipeline.exists(stored)
            pipeline.get(digest)
            there, sha256 = pipeline.execute()
        if there and sha256 == chunk.sha256.encode():
            self._use(topic)
            return _ack(topic, chunk, chunk.total, complete=True)
        try:
            received = self._receive(topic, chunk)
            if received is None:
                return None
            return self._progress(topic, chunk, received)
        except WireError as error:
            return _ack(topic, chunk, 0, error=explained(error))
        except _FullError as error:
            return _ack(topic, chunk, 0, error=explained(error), retry_in=_FULL_SECONDS)
        except KeySetError as error:
            return _ack(topic, chunk, 0, error=explained(error), retry_in=_UNSERVED_SECONDS)

    def _receive(self, topic: KeysTopic, chunk: KeyChunk) -> int | None:
        """Bytes of the upload that are in Redis now; None while it isn't known whether these keys are served.

        Raises `WireError` and `KeySetError` for a chunk that no upload may have, and `_FullError` where Redis has no
        room for it.
        """
        if topic.offset + len(chunk.data) > chunk.total:
            raise WireError("a chunk reaches beyond the total that it names")
        if not chunk.data:
            received = self._received(topic, chunk)
            return received if received or self._served(topic) else None
        if topic.offset == 0:
            served = self._served(topic)
            if not served:
                return None
            header = _check_head(topic, chunk, served)
            if header.seeded and not self._takes_seeds(header, served):
                return None
        # One that would never end isn't begun: it would take the room of those that would.
        self._check_room(topic, chunk.total if topic.offset == 0 else len(chunk.data))
        if topic.offset == 0:
            self._use(topic)
        places = _upload_keys(topic.device, topic.fingerprint)
        return int(self._append(keys=places, args=[topic.offset, chunk.data, _UPLOAD_TTL, _identity(chunk)]))

    def _served(self, topic: KeysTopic) -> list[KeyNeeds]:
        served = self._needs.all()
        if not served:
            event = "no worker has said yet which keys its plans need; they wait"
            self._lines.say(log.warning, event, topic.device)
        return served

    def _takes_seeds(self, header: EvaluationKeysHeader, served: list[KeyNeeds]) -> bool:
        """Whether the workers of the plans that these keys serve take seeds; False while there is none that would.

        Whoever sends such keys folds ciphertexts, too. Raises `WireError` where a worker is of before there were seeds
        and folded ciphertexts: the key holder then uploads the keys without, and sends neither.
        """
        plans = {needs.hash for needs in served if header.serves(needs)}
        bursts = [
            worker.bursts.get(plan) for worker in self._registry.workers() for plan in plans & worker.models.keys()
        ]
        if any(burst is None or not burst.least_bytes for burst in bursts):
            raise WireError("a worker of this plan takes no keys with seeds; upgrade the workers, or send them without")
        return bool(bursts)

    def _received(self, topic: KeysTopic, chunk: KeyChunk) -> int:
        upload, identity = _upload_keys(topic.device, topic.fingerprint)
        return int(self._redis.strlen(upload)) if self._redis.get(identity) == _identity(chunk) else 0

    def _check_room(self, topic: KeysTopic, size: int) -> None:
        """Raise `_FullError` unless Redis may hold so many more bytes of keys: the rest is for frames and labels."""
        memory: Any = self._redis.info("memory")
        most, needed = memory["maxmemory"], memory["used_memory"] + size
        if most and needed > room_for_keys(most):
            event = "Redis has no room for keys; they wait (maxmemory)"
            self._lines.say(log.warning, event, topic.device, maxmemory=most, needed=memory_for_keys(needed))
            raise _FullError(f"Redis has no room for {size:,} bytes of keys now; its maxmemory may be too small")

    def _use(self, topic: KeysTopic) -> None:
        """Note that a key set is asked for or uploaded: it is kept, and the owner's oldest gives way to it."""
        places = redis_keys.key_sets_key(topic.device)
        with self._redis.pipeline() as pipeline:
            pipeline.lrem(places, 0, topic.fingerprint)
            pipeline.rpush(places, topic.fingerprint)
            pipeline.lrange(places, 0, -_KEY_SETS - 1)
            pipeline.ltrim(places, -_KEY_SETS, -1)
            for place in (places, *_stored_keys(topic.device, topic.fingerprint)):
                pipeline.expire(place, self._key_ttl)
            oldest = cast("list[bytes]", pipeline.execute()[2])
        for fingerprint in (each.decode() for each in oldest):
            self._lines.say(log.info, "key set gave way to newer ones", topic.device, key_set=fingerprint[:12])
            self._redis.delete(*_stored_keys(topic.device, fingerprint), *_upload_keys(topic.device, fingerprint))

    def _progress(self, topic: KeysTopic, chunk: KeyChunk, received: int) -> KeyAck:
        """Hash the bytes that have come; the last chunk ends the upload. Raises `WireError` for another SHA-256."""
        if not received:
            return _ack(topic, chunk, 0)
        identity, places = _identity(chunk), _upload_keys(topic.device, topic.fingerprint)
        sha256 = self._digests.add(places[0], identity, topic.offset, chunk.data, received)
        if received < chunk.total or sha256 is None:
            return _ack(topic, chunk, received)
        self._digests.forget(places[0], identity)
        if sha256 != chunk.sha256:
            self._redis.delete(*places)
            raise WireError("the upload doesn't have the SHA-256 that was announced")
        self._keep(topic, sha256)
        return _ack(topic, chunk, received, complete=True)

    def _keep(self, topic: KeysTopic, sha256: str) -> None:
        """Let the upload take the place of the keys that were stored before."""
        stored, digest = _stored_keys(topic.device, topic.fingerprint)
        upload, identity = _upload_keys(topic.device, topic.fingerprint)
        with self._redis.pipeline() as pipeline:
            pipeline.rename(upload, stored)
            pipeline.expire(stored, self._key_ttl)
            pipeline.set(digest, sha256, ex=self._key_ttl)
            pipeline.delete(identity)
            pipeline.execute()


def _check_head(topic: KeysTopic, chunk: KeyChunk, served: list[KeyNeeds]) -> EvaluationKeysHeader:
    """Check an upload's first chunk, and give its header.

    Raises `WireError` for bytes that no upload begins with, and `KeySetError` for keys that no served plan needs.
    """
    header, start = read_head(chunk.data)
    if header.fingerprint != topic.fingerprint:
        raise WireError("the keys belong to another fingerprint than their topic")
    header.check_wanted(served)
    check_storable(chunk.total, "this key set")
    if chunk.total != start + header.size:
        raise WireError(
            f"the upload is said to have {chunk.total:,} bytes; its header says {start + header.size:,}: "
            "upload the key set's file as it is"
        )
    return header


def _stored_keys(device: str, fingerprint: str) -> tuple[str, str]:
    return redis_keys.keys_key(device, fingerprint), redis_keys.keys_digest_key(device, fingerprint)


def _upload_keys(device: str, fingerprint: str) -> tuple[str, str]:
    return redis_keys.upload_key(device, fingerprint), redis_keys.upload_identity_key(device, fingerprint)


def _identity(chunk: KeyChunk) -> bytes:
    return f"{chunk.total} {chunk.sha256}".encode()


def _ack(
    topic: KeysTopic,
    chunk: KeyChunk,
    received: int,
    complete: bool = False,
    error: str | None = None,
    retry_in: float | None = None,
) -> KeyAck:
    return KeyAck(1, topic.fingerprint, received, chunk.total, complete, error, retry_in)
