"""The upload of evaluation keys in chunks, which can be resumed."""

import hashlib
import time
from collections.abc import Callable

from common.errors import BrokerError
from common.keys.evaluation_keys import without_seeds
from common.keys.key_set import KeySet
from common.logs import get_logger
from common.wire import topics
from common.wire.messages import KeyAck, KeyChunk

#: Bytes of a chunk.
CHUNK_BYTES = 512 * 1024
#: Chunks that may be under way without an acknowledgement.
_WINDOW = 4
#: Seconds without an acknowledgement after which the upload asks what the bridge has, and goes on from there.
_PATIENCE = 3.0

log = get_logger(__name__)
#: Publishes a chunk on a topic.
Publish = Callable[[str, KeyChunk], None]


class KeyUpload:
    """Uploads a key set's evaluation keys under their owner's name; `ready` is true once the bridge has them all.

    The upload begins with an empty chunk, by which it asks how much the bridge has. The bridge acknowledges each
    chunk with the number of bytes that it has, and takes no chunk out of order. Where several bridges share the
    chunks of an upload, some come out of order: so when no chunk is under way and some bytes are missing, the upload
    goes back to what was acknowledged.

    Keys with seeds that the bridge refuses for good are uploaded without, once: some part of the fleet may be of
    before there were seeds.
    """

    def __init__(self, owner: str, key_set: KeySet, publish: Publish) -> None:
        self._owner = owner
        self._key_set = key_set
        self._publish = publish
        self._data = b""
        self._total, self._sha256 = 0, ""
        self._seeded, self._refused_total = key_set.header.seeded, 0
        self._next = 0
        self._under_way = 0
        self._heard = 0.0
        self._patience = _PATIENCE
        self.ready = False
        self._refused: str | None = None

    @property
    def takes_seeds(self) -> bool:
        """Whether the fleet has taken keys with seeds: then it takes ciphertexts with seeds too."""
        return self.ready and self._seeded

    def begin(self) -> None:
        """Ask how much the bridge has; to be called whenever that is in doubt."""
        self.ready, self._next, self._under_way, self._patience = False, 0, 0, _PATIENCE
        if not self._total:
            self._load()
        self._send(0, b"")
        self._heard = time.monotonic()

    def acknowledged(self, ack: KeyAck) -> None:
        """Take an acknowledgement from the bridge: send the next chunks, or be ready."""
        if ack.fingerprint != self._key_set.fingerprint or self.ready or not self._total:
            return
        if ack.total == self._refused_total:  # it is about the keys with seeds, which were given up
            return
        self._heard = time.monotonic()
        if ack.error is not None:
            self._take_refusal(ack)
            return
        if ack.complete:
            log.info("the bridge holds the evaluation keys", key_set=ack.fingerprint[:12], bytes=self._total)
            self.ready, self._data = True, b""
            return
        if not self._data:
            self._load()
        self._under_way -= 1
        self._next = max(self._next, ack.received) if self._under_way > 0 else ack.received
        window = _WINDOW if ack.received else 1  # the first chunk has the header, by which the bridge may refuse
        while self._next < min(self._total, ack.received + window * CHUNK_BYTES):
            chunk = self._data[self._next : self._next + CHUNK_BYTES]
            self._send(self._next, chunk)
            self._next += len(chunk)

    def tick(self) -> None:
        """Ask again after a while without an acknowledgement. Raises `BrokerError` when the bridge refused the keys."""
        if self._refused is not None:
            raise BrokerError(f"the bridge refuses the evaluation keys: {self._refused}")
        if not self.ready and time.monotonic() - self._heard > self._patience:
            self.begin()

    def _take_refusal(self, ack: KeyAck) -> None:
        if ack.retry_in is None and self._seeded:
            log.info("the fleet takes no keys with seeds; uploading them without", reason=ack.error)
            self._seeded, self._refused_total = False, self._total
            self._load()
            self.begin()
            return
        if ack.retry_in is None:
            self._refused = ack.error
            return
        self._patience = ack.retry_in
        log.warning(
            "the bridge doesn't take the evaluation keys now; trying again later",
            key_set=ack.fingerprint[:12],
            reason=ack.error,
            retry_in=ack.retry_in,
        )

    def _load(self) -> None:
        data = self._key_set.evaluation_keys()
        self._data = without_seeds(data) if self._key_set.header.seeded and not self._seeded else data
        self._total, self._sha256 = len(self._data), hashlib.sha256(self._data).hexdigest()

    def _send(self, offset: int, data: bytes) -> None:
        self._under_way += 1
        topic = topics.keys(self._owner, self._key_set.fingerprint, offset)
        self._publish(topic, KeyChunk(1, self._total, self._sha256, data))
