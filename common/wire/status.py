"""A device's status, as JSON: it is retained by the broker, and any MQTT client can read it."""

from typing import Annotated, Literal

import msgspec

from common.errors import WireError
from common.quoting import shown
from common.structs import learn
from common.wire.messages import JobId, Tally, Time, Word

#: Bytes of a device's status, at most; an honest one has about 600.
MAX_STATUS_BYTES = 4096


class LastParked(msgspec.Struct, frozen=True):
    """The burst that a device parked last, why, and when (epoch, s)."""

    job: JobId
    reason: Word
    at: Time


class Status(msgspec.Struct, frozen=True):
    """A device's retained status, as JSON of at most `MAX_STATUS_BYTES`, so that any MQTT client can read it.

    `instance` is random for each run of a device, `started_at` when it began: two instances in
    turn mean that two devices have one id. `accepted`, `answered` and so on are numbers of frames, and
    accepted = answered + pending + parked + dropped. `oldest_pending_s` is the time in seconds that the oldest
    pending frame has waited, and `no_picture_since` the time since which the camera owes a picture, 0 while it doesn't.
    `keeps_frames` says that it also keeps what it sees as pictures, unencrypted. The reasons in `parked_by_reason` are
    those of error replies; a later version may have more of them.
    """

    state: Literal["online", "offline"]
    instance: Word
    started_at: Time
    model: Word = ""
    plan: Word = ""
    key_set: Word = ""
    accepted: Tally = 0
    answered: Tally = 0
    parked: Tally = 0
    dropped: Tally = 0
    pending: Tally = 0
    alarms: Tally = 0
    oldest_pending_s: Time = 0.0
    outbox_bytes: Tally = 0
    parked_by_reason: Annotated[dict[Word, Tally], msgspec.Meta(max_length=16)] = {}
    last_parked: LastParked | None = None
    no_picture_since: Time = 0.0
    keeps_frames: bool = False


learn(Status)


def encode_status(status: Status) -> bytes:
    """A status as JSON."""
    return msgspec.json.encode(status)


def decode_status(data: bytes) -> Status:
    """A status from JSON. Raises `WireError`."""
    if len(data) > MAX_STATUS_BYTES:
        raise WireError(f"a status of {len(data):,} bytes; it may have {MAX_STATUS_BYTES:,}")
    try:
        return msgspec.json.decode(data, type=Status)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise WireError(f"not a valid status: {shown(error)}") from error
