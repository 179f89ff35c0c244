"""Messages on the wire: bytes that changed on their way are never read as another message."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import messages
from common.errors import CorruptedError, WireError
from common.messages import ErrorReply, Frame, Label, Task, sealed_size

JOB = "00000007-0123456789abcdef"
LABEL = Label(1, JOB, "a" * 64, "b" * 64, 1.0, 2.0, 3.0, 4.0, "w", bytes(range(256)) * 20)


def test_a_message_comes_back_as_it_was_sent() -> None:
    assert messages.decode(messages.encode(LABEL), Label) == LABEL


@given(at=st.integers(0, 8 * len(messages.encode(LABEL)) - 1))
def test_one_changed_bit_anywhere_is_noticed(at: int) -> None:
    data = bytearray(messages.encode(LABEL))
    data[at // 8] ^= 1 << at % 8
    with pytest.raises(CorruptedError, match="CRC-32"):
        messages.decode(bytes(data), Label)


@given(at=st.integers(0, len(messages.encode(LABEL)) - 4), burst=st.binary(min_size=1, max_size=4))
def test_a_run_of_changed_bytes_is_noticed(at: int, burst: bytes) -> None:
    data = messages.encode(LABEL)
    changed = data[:at] + burst + data[at + len(burst) :]
    if changed != data:
        with pytest.raises(CorruptedError):
            messages.decode(changed, Label)


@given(kept=st.integers(0, len(messages.encode(LABEL)) - 1))
def test_a_message_cut_short_is_noticed(kept: int) -> None:
    with pytest.raises(WireError):
        messages.decode(messages.encode(LABEL)[:kept], Label)


@given(st.binary(max_size=100))
def test_any_bytes_under_a_right_checksum_are_no_message_and_no_crash(body: bytes) -> None:
    with pytest.raises(WireError) as caught:
        messages.decode(messages.with_checksum(body), Label)
    assert not isinstance(caught.value, CorruptedError)


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf"), 1e300])
def test_advice_that_no_clock_can_follow_is_no_message(seconds: float) -> None:
    reply = ErrorReply(1, JOB, "busy", "", seconds)
    with pytest.raises(WireError, match="retry_in"):
        messages.decode(messages.encode(reply), ErrorReply)


FRAME = Frame(1, "cam-a", JOB, "a" * 64, "b" * 64, 1.0, b"c", 4, "site")


def test_without_capture_times_a_message_has_no_field_that_earlier_versions_do_not_know() -> None:
    for message in (FRAME, LABEL):
        assert b"sealed" not in messages.encode(message)
    assert "sealed" not in msgspec.to_builtins(Task("cam-a", JOB, "a" * 64, "b" * 64, "blob", 1.0))


def test_sealed_capture_times_pass_the_bridge_unchanged_and_have_the_size_that_fits_their_frames() -> None:
    sealed = bytes(range(72))
    assert len(sealed) == sealed_size(4)
    frame = messages.decode(messages.encode(msgspec.structs.replace(FRAME, sealed=sealed)), Frame)
    task = Task(frame.device, frame.job, frame.key_set, frame.plan, "blob", 1.0, frame.frames, "site", frame.sealed)
    assert msgspec.convert(msgspec.to_builtins(task), Task).sealed == sealed
    for wrong in (b"x", bytes(71), bytes(73), bytes(sealed_size(16384)), bytes(10**6)):
        raw = msgspec.msgpack.encode({**msgspec.structs.asdict(FRAME), "sealed": wrong})
        with pytest.raises(WireError, match="sealed"):
            messages.decode(messages.with_checksum(raw), Frame)


def test_a_worker_s_name_fits_a_line() -> None:
    with pytest.raises(WireError, match="worker"):
        messages.decode(messages.encode(msgspec.structs.replace(LABEL, worker="w" * 201)), Label)
