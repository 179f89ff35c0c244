"""Sealed capture times open for their key set, device and job alone, and tell nothing but how many there are."""

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from common.errors import WireError
from common.wire.capture_times import open_times, seal_times
from common.wire.messages import Burst, sealed_size

KEY = X25519PrivateKey.generate()
OF = ("a" * 64, "cam-a", "00000003-0123456789abcdef")
TIMES = [1_764_190_000.125, 1_764_190_001.5, 1_764_189_990.0]  # a clock may go back


@pytest.mark.parametrize("times", [TIMES, [0.0], [2.0**33, 1e9], list(np.linspace(0, 4e9, 16384).round(3))])
def test_times_come_back_to_the_millisecond(times: list[float]) -> None:
    sealed = seal_times(times, KEY.public_key(), *OF)
    assert open_times(sealed, len(times), KEY, *OF) == pytest.approx(times, abs=0.0005, rel=0)


@pytest.mark.parametrize("frames", [1, 16, 16384])
def test_their_size_follows_from_the_number_of_frames_and_the_largest_fits_a_message(frames: int) -> None:
    sizes = {len(seal_times([at] * frames, KEY.public_key(), *OF)) for at in (0.0, 1e9, 2e11, 1e300)}
    assert sizes == {sealed_size(frames)}
    Burst(1, "cam-a", OF[2], OF[0], "b" * 64, 0.0, b"", frames, "site", bytes(sealed_size(frames)))


@pytest.mark.parametrize("other", range(3))
def test_they_open_for_no_other_key_set_device_or_job(other: int) -> None:
    sealed = seal_times(TIMES, KEY.public_key(), *OF)
    swapped = [*OF]
    swapped[other] += "0"
    with pytest.raises(WireError, match="weren't sealed for"):
        open_times(sealed, 3, KEY, *swapped)
    with pytest.raises(WireError, match="weren't sealed for"):
        open_times(sealed, 3, X25519PrivateKey.generate(), *OF)


def test_what_is_no_capture_times_is_refused() -> None:
    sealed = seal_times(TIMES, KEY.public_key(), *OF)
    for frames in (1, 2, 4, 16384):
        with pytest.raises(WireError, match="bytes of capture times"):
            open_times(sealed, frames, KEY, *OF)
    rng = np.random.default_rng(0)
    for hostile in (bytes(len(sealed)), b"\xff" * len(sealed), *(rng.bytes(len(sealed)) for _ in range(50))):
        with pytest.raises(WireError):
            open_times(hostile, 3, KEY, *OF)
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(WireError):
            open_times(bytes(changed), 3, KEY, *OF)


def test_the_same_times_are_sealed_anew_each_time() -> None:
    assert seal_times(TIMES, KEY.public_key(), *OF) != seal_times(TIMES, KEY.public_key(), *OF)
