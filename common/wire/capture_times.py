"""When a burst's frames were captured, sealed by a device of a site for the holder of the site's keys.

The device has only the public half of an X25519 pair, so it can't open what it has sealed. The method is HPKE
(RFC 9180, base mode) with X25519, HKDF with SHA-256, and AES-128 in GCM. Its `info` is the key set, device and job, so
that the times of one burst can't be passed off as those of another. Anybody can seal times under a public key: they
are secret, and not signed. Their size tells the number of frames, which the message tells anyway.
"""

from collections.abc import Sequence

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from common.errors import WireError
from common.wire.messages import SEALED_TIME_BYTES, sealed_size

#: The algorithms of HPKE: key exchange, key derivation and encryption.
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_128_GCM)


def seal_times(times: Sequence[float], key: X25519PublicKey, key_set: str, device: str, job: str) -> bytes:
    """The times (epoch, s) of a burst's frames, sealed; they are rounded to the millisecond."""
    return _SUITE.encrypt(_pack(times), key, info=_info(key_set, device, job))


def open_times(sealed: bytes, frames: int, key: X25519PrivateKey, key_set: str, device: str, job: str) -> list[float]:
    """The times (epoch, s) of a burst of so many frames. Raises `WireError` when they aren't that burst's."""
    if len(sealed) != sealed_size(frames):
        raise WireError(f"{len(sealed)} bytes of capture times, where {frames} frames have {sealed_size(frames)}")
    try:
        return _unpack(_SUITE.decrypt(sealed, key, info=_info(key_set, device, job)))
    except InvalidTag:
        raise WireError("the capture times weren't sealed for this key set, device and job") from None


def _info(key_set: str, device: str, job: str) -> bytes:
    return f"blindsight capture times 1\0{key_set}\0{device}\0{job}".encode()


def _pack(times: Sequence[float]) -> bytes:
    """Each time as whole milliseconds in six bytes: from 1970 to the year 10889, whatever a clock says."""
    milliseconds = np.clip(np.rint(np.asarray(times) * 1000), 0, 2 ** (8 * SEALED_TIME_BYTES) - 1).astype("<u8")
    packed: bytes = milliseconds.view(np.uint8).reshape(-1, 8)[:, :SEALED_TIME_BYTES].tobytes()
    return packed


def _unpack(data: bytes) -> list[float]:
    packed = np.frombuffer(data, np.uint8).reshape(-1, SEALED_TIME_BYTES)
    milliseconds = np.zeros((len(packed), 8), np.uint8)
    milliseconds[:, :SEALED_TIME_BYTES] = packed
    return [float(each) for each in milliseconds.view("<u8")[:, 0] / 1000]
