"""What is known of a reading as bytes, in which it outlives the process."""

import math
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from common.readings.belief import MOST_COUNTS, Belief, Seen
from common.readings.drums import SHIFTS, steps_of
from common.readings.evidence import POSITIONS
from common.readings.motion import BINS, Pace
from common.readings.tracker import Track
from common.structs import learn

#: The version of the form, which changes with the meaning of any number in it.
_VERSION = 2


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    version: int
    at: float
    published: int | None
    lower: int
    unseen: int
    late: int
    late_at: float
    still: float
    stopped: float
    moved: float
    speeds: bytes
    counts: bytes
    logs: bytes
    wheels: bytes
    elsewhere: bytes
    places: bytes
    repeated: bytes


learn(_Packed)


def pack(track: Track) -> bytes:
    """A track as bytes, which `unpack` gives back as it was: at most 25 KB for five wheels."""
    belief = track.belief
    seen = belief.seen
    arrays = (
        belief.pace.speeds,
        belief.counts,
        belief.logs,
        belief.wheels,
        belief.elsewhere,
        seen.places,
        seen.repeated,
    )
    data = (np.ascontiguousarray(array).tobytes() for array in arrays)
    plain = (track.at, track.published, track.lower, track.unseen, track.late, track.late_at, *belief.pace[:3])
    return msgspec.msgpack.encode(_Packed(_VERSION, *plain, *data))


def unpack(data: bytes, wheels: int) -> Track:
    """The track of a reading with so many wheels. Raises `ValueError` for bytes that are no such track."""
    try:
        packed = msgspec.msgpack.decode(data, type=_Packed)
    except (msgspec.DecodeError, TypeError, RecursionError) as error:  # TypeError: it is no BLOB
        raise ValueError(str(error)) from error
    if packed.version != _VERSION:
        raise ValueError(f"it is of version {packed.version}, and this is {_VERSION}")
    counts = _array(packed.counts, np.int64, -1)
    number = len(counts)
    places = _array(packed.places, np.float16, wheels, POSITIONS)
    belief = Belief(
        counts,
        _array(packed.logs, np.float32, number),
        _array(packed.wheels, np.float16, number, wheels, 2, len(SHIFTS)),
        _array(packed.elsewhere, np.float16, number),
        Seen(places, _array(packed.repeated, np.uint16, wheels)),
        Pace(packed.still, packed.stopped, packed.moved, _array(packed.speeds, np.float32, BINS)),
    )
    _check(belief, wheels)
    if not all(map(math.isfinite, (packed.at, packed.late_at))):
        raise ValueError("its times are no numbers")
    if min(packed.lower, packed.unseen, packed.late) < 0:
        raise ValueError("it has a negative number of pictures")
    if packed.published is not None and not 0 <= packed.published < 10**wheels:
        raise ValueError(f"its value is {packed.published}")
    return Track(belief, packed.at, packed.published, packed.lower, packed.unseen, packed.late, packed.late_at)


def _array(data: bytes, kind: type[np.generic], *shape: int) -> NDArray[Any]:
    return np.frombuffer(data, kind).reshape(shape)


def _check(belief: Belief, wheels: int) -> None:
    """Raise `ValueError` for numbers that no filter left behind, and that the next step would stumble over."""
    counts, logs = belief.counts, np.asarray(belief.logs, np.float64)
    if not 1 <= len(counts) <= MOST_COUNTS or len(np.unique(counts)) < len(counts):
        raise ValueError(f"it has {len(counts)} counts, or one twice")
    if counts.min() < 0 or counts.max() >= steps_of(wheels):
        raise ValueError("its counts are out of range")
    if not np.isfinite(logs).all() or abs(float(np.exp(logs).sum()) - 1) > 0.01:
        raise ValueError("its probabilities don't sum to 1")
    speeds = belief.pace.speeds
    if not np.isfinite(speeds).all() or speeds.min() < 0:
        raise ValueError("its speeds are no numbers of pictures")
    for shares in (belief.wheels, belief.elsewhere, belief.seen.places, np.array(belief.pace[:3])):
        if not ((shares >= 0) & (shares <= 1.01)).all():  # and no NaN
            raise ValueError("its shares are no shares")
    if (np.asarray(belief.wheels, np.float64).sum(axis=(2, 3)) < 0.5).any():
        raise ValueError("its wheels are nowhere")
