"""Messages on the wire, as MessagePack and a checksum; and the tasks between bridge and worker.

Each message ends with the CRC-32 of what comes before it, big-endian, since TCP's checksum lets one
error of 65,536 pass: CKKS would decrypt changed bytes to some label. It is no protection against malice.

Times are seconds since the epoch by the sender's clock, and serve measurement only: nothing
depends on clocks agreeing.
"""

import zlib
from typing import Annotated, Literal, TypeVar

import msgspec

from common.errors import CorruptedError, WireError
from common.quoting import shown
from common.structs import learn
from common.wire.topics import CONSOLE_USER

Fingerprint = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
JobId = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{8,20}-[0-9a-f]{16}\Z")]
DeviceId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")]
#: Seconds since the epoch, or of a span: finite, and so that any file can hold the number.
Time = Annotated[float, msgspec.Meta(ge=0, le=1e12)]
Count = Annotated[int, msgspec.Meta(ge=0)]
#: A number of things, which any file can hold.
Tally = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
#: A short text such as a name, which any table and terminal can show.
Word = Annotated[str, msgspec.Meta(max_length=256, pattern=r"^[^\x00-\x1f\x7f-\x9f]*\Z")]
#: Characters of a sentence that says why something was refused; `explained` makes one that fits.
_DETAIL_CHARACTERS = 1000
Detail = Annotated[str, msgspec.Meta(max_length=_DETAIL_CHARACTERS)]
#: The number of a burst's frames. It is no secret: the capture counters in the jobs tell it too.
#: It is at most the slots of the largest ring; without a bound it could overflow counters.
FrameCount = Annotated[int, msgspec.Meta(ge=1, le=16384)]
#: Bytes of each frame's capture time in `sealed`, and bytes that sealing adds: a key share and a tag.
SEALED_TIME_BYTES, _SEALING_BYTES = 6, 32 + 16
#: The capture times of a burst, as a site's device sealed them (`common.wire.capture_times`), or no bytes. Bridge
#: and workers pass them on unchanged.
Sealed = Annotated[bytes, msgspec.Meta(max_length=_SEALING_BYTES + SEALED_TIME_BYTES * 16384)]
#: The holder of the key set: the device itself, or the console of its site.
Custody = Literal["device", "site"]
#: The form in which scores shall come back: all residues, or the upper bits of coefficients (`common.ckks.rounded`).
Labels = Literal["full", "rounded"]

#: The reason why a frame has no label.
Reason = Literal[
    "malformed",  # the message or ciphertext isn't valid
    "corrupted",  # its bytes changed on their way: send them again
    "unknown-plan",  # no worker serves the plan's hash, yet
    "unknown-key",  # the evaluation keys aren't here (any more): the key holder uploads them
    "unfit-key",  # the evaluation keys were made for another plan
    "expired",  # the frame was dropped before a worker took it
    "busy",  # the device sends more than it may, or the fleet has enough: later
    "failed",  # evaluation failed as often as it may
    "deadline",  # the device's own, in its outbox and status only: there was no label in time
    "oversized",  # the same: the broker takes no message as large
]
#: Bytes of a message's checksum.
_CHECKSUM_BYTES = 4
#: The reasons for which a device sends a burst again; it parks one that was refused for another.
RETRIED: frozenset[str] = frozenset({"corrupted", "unknown-plan", "unknown-key", "expired", "busy"})


# A field that has its default isn't sent, so that an earlier version can read messages that use no new field.
class Burst(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An encrypted burst: one or more frames; `ciphertext` is the wire form of `common.ckks.ciphertext`."""

    version: Literal[1]
    device: DeviceId
    job: JobId
    key_set: Fingerprint
    plan: Fingerprint
    published_at: Time
    ciphertext: bytes
    frames: FrameCount = 1
    custody: Custody = "device"
    sealed: Sealed = b""
    labels: Labels = "full"

    def __post_init__(self) -> None:
        if len(self.sealed) not in (0, sealed_size(self.frames)):
            raise ValueError(f"`sealed` has {len(self.sealed)} bytes, and {sealed_size(self.frames)} fit its frames")


class EncryptedScores(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Encrypted scores of a burst, and the times at which it passed each station."""

    version: Literal[1]
    job: JobId
    key_set: Fingerprint
    plan: Fingerprint
    received_at: Time
    started_at: Time
    finished_at: Time
    published_at: Time
    worker: Word
    ciphertext: bytes
    frames: FrameCount = 1
    taken_at: Time | None = None  # labels that were kept, and consoles' records, may not tell
    sealed: Sealed = b""


class Receipt(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A site's console has recorded the labels of so many frames; the times at which they passed each station."""

    version: Literal[1]
    job: JobId
    frames: FrameCount
    received_at: Time
    started_at: Time
    finished_at: Time
    arrived_at: Time
    recorded_at: Time
    taken_at: Time | None = None


def fleet_stages(reply: EncryptedScores | Receipt) -> dict[str, float]:
    """Seconds that a burst waited for a worker, that its keys took to load, and that its evaluation took."""
    taken_at = reply.started_at if reply.taken_at is None else reply.taken_at
    return {
        "queue": taken_at - reply.received_at,
        "keys": reply.started_at - taken_at,
        "evaluate": reply.finished_at - reply.started_at,
    }


class ErrorReply(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why there is no label yet, or won't be one; `retry_in` is the advice when to send the burst again, in seconds."""

    version: Literal[1]
    job: JobId
    reason: Reason
    detail: Detail
    retry_in: Time | None = None

    @property
    def retry(self) -> bool:
        """Whether the same burst may succeed later."""
        return self.reason in RETRIED


class KeyChunk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bytes of evaluation keys from the topic's offset on; empty to ask how far the upload is."""

    version: Literal[1]
    total: Annotated[int, msgspec.Meta(ge=1)]
    sha256: Fingerprint
    data: bytes


class KeyAck(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many bytes of a key set have arrived in order; `error` says why none are taken.

    `retry_in` is when to try it again all the same, in seconds; None where that can't help.
    """

    version: Literal[1]
    fingerprint: Fingerprint
    received: Count
    total: Count
    complete: bool
    error: Detail | None = None
    retry_in: Time | None = None


class Task(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the bridge hands to Celery: the key in Redis of the burst's ciphertext, never the ciphertext itself."""

    device: str
    job: str
    key_set: str
    plan: str
    blob: str
    received_at: float
    frames: int = 1
    custody: Custody = "device"
    sealed: bytes = b""
    labels: Labels = "full"

    @property
    def key_owner(self) -> str:
        """Under whose name the evaluation keys were uploaded."""
        return CONSOLE_USER if self.custody == "site" else self.device


Message = TypeVar("Message", bound=msgspec.Struct)

learn(Burst, EncryptedScores, Receipt, ErrorReply, KeyChunk, KeyAck, Task)


def sealed_size(frames: int) -> int:
    """Bytes of the sealed capture times of so many frames."""
    return _SEALING_BYTES + SEALED_TIME_BYTES * frames


def explained(reason: object) -> str:
    """The detail of a refusal: the text of an error, cut so that it fits the message, whatever it quotes."""
    return shown(reason, _DETAIL_CHARACTERS - 50)  # `shown` adds how much it has cut


def encode(message: msgspec.Struct) -> bytes:
    """A message as MessagePack, with its checksum."""
    return with_checksum(msgspec.msgpack.encode(message))


def with_checksum(body: bytes) -> bytes:
    """These bytes and their CRC-32."""
    return body + zlib.crc32(body).to_bytes(_CHECKSUM_BYTES, "big")


def decode(data: bytes, kind: type[Message]) -> Message:
    """A message of this kind.

    Raises `CorruptedError` when its bytes changed on their way, and `WireError`, which names the field that is wrong.
    """
    body, checksum = memoryview(data)[:-_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
    if zlib.crc32(body).to_bytes(_CHECKSUM_BYTES, "big") != checksum:
        raise CorruptedError(f"the bytes of a {kind.__name__} message changed on their way: its CRC-32 is another")
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise WireError(f"not a valid {kind.__name__} message: {shown(error)}") from error
