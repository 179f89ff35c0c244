"""A key set's evaluation keys in Redis: their header first, then the rest in pieces."""

import hashlib
from typing import cast

import redis

from common.errors import WireError
from common.fleet.redis_keys import keys_digest_key, keys_key
from common.fleet.storage import read_pieces
from common.keys.evaluation_keys import MAX_HEAD_BYTES, EvaluationKeysHeader, read_head
from common.logs import get_logger

log = get_logger(__name__)


class StoredKeys:
    """The evaluation keys that the bridge keeps for a key holder (`owner`) under its key set's fingerprint.

    `digest` is the SHA-256 in hexadecimal that the key holder announced with them. It changes when the key holder
    replaces the keys. The constructor and every method raise `redis.RedisError`.
    """

    def __init__(self, client: "redis.Redis", owner: str, fingerprint: str) -> None:
        self._redis, self.name = client, (owner, fingerprint)
        self._place, self._digest_place = (
            keys_key(owner, fingerprint),
            keys_digest_key(owner, fingerprint),
        )
        self.digest = self._announced()

    def header(self) -> EvaluationKeysHeader | None:
        """What the keys can do, without reading the keys; None when they aren't in Redis, or were damaged there."""
        head = cast("bytes", self._redis.getrange(self._place, 0, MAX_HEAD_BYTES - 1))
        if not head:
            return None
        try:
            header, start = read_head(head)
            size = self._redis.strlen(self._place)
            if size != start + header.size:
                raise WireError(f"evaluation keys of {size} bytes where {start + header.size} were expected")
        except WireError as error:  # the bridge took no such header, so Redis damaged it
            self._drop_damaged(str(error))
            return None
        return header

    def read(self) -> bytearray | None:
        """The keys in their wire form; None when they aren't in Redis, or were damaged there."""
        data, sha256 = bytearray(), hashlib.sha256()
        for piece in read_pieces(self._redis, self._place, 0, self._redis.strlen(self._place)):
            data += piece
            sha256.update(piece)
        if data and self.digest in (None, sha256.hexdigest().encode()):
            return data
        self._drop_damaged("they have another SHA-256 than was announced")
        return None

    def drop(self) -> None:
        """Forget the keys, unless they were replaced meanwhile."""
        if self._announced() == self.digest:
            self._redis.delete(self._place, self._digest_place)

    def _announced(self) -> bytes | None:
        return cast("bytes | None", self._redis.get(self._digest_place))

    def _drop_damaged(self, reason: str) -> None:
        log.warning("the evaluation keys were damaged in Redis; they are to be uploaded again", reason=reason)
        self.drop()
