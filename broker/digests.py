"""SHA-256 of uploads as they grow, so that nobody waits while a bridge hashes a whole key set."""

import hashlib
from collections import OrderedDict

import redis

from common.fleet.storage import read_pieces

#: Uploads whose digests are kept, in a few hundred bytes each. An upload that was forgotten is read again.
_MOST_UPLOADS = 4096
#: Bytes that a call reads at most, in about 0.1 s, of chunks that went to another bridge or came before this one began.
_CATCH_UP_BYTES = 32 * 1024 * 1024


class _Growing:
    def __init__(self) -> None:
        self.sha256, self.size = hashlib.sha256(), 0

    def add(self, data: bytes) -> None:
        self.sha256.update(data)
        self.size += len(data)


class UploadDigests:
    """What this bridge has hashed of each upload. Workers hash a whole key set again when they load it."""

    def __init__(self, client: "redis.Redis") -> None:
        self._redis = client
        self._known: OrderedDict[tuple[str, bytes], _Growing] = OrderedDict()

    def add(self, place: str, identity: bytes, offset: int, data: bytes, received: int) -> str | None:
        """The SHA-256 of the `received` bytes at a place in Redis, among which `data` is at `offset`.

        None when there is more to read than one call may read: the next call goes on. Raises `redis.RedisError`.
        """
        growing = self._known.pop((place, identity), None)
        if growing is None or growing.size > received:  # it began again
            growing = _Growing()
        self._known[place, identity] = growing
        if len(self._known) > _MOST_UPLOADS:
            self._known.popitem(last=False)
        if growing.size == offset and offset + len(data) == received:
            growing.add(data)
        for piece in read_pieces(self._redis, place, growing.size, min(received, growing.size + _CATCH_UP_BYTES)):
            growing.add(piece)
        return growing.sha256.hexdigest() if growing.size == received else None

    def forget(self, place: str, identity: bytes) -> None:
        """Drop the digest of an upload that has ended."""
        self._known.pop((place, identity), None)
