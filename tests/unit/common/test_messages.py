"""Messages on the wire: bytes that changed on their way are never read as another message."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import messages
from common.errors import CorruptedError, WireError
from common.messages import ErrorReply, Label

JOB = "00000007-0123456789abcdef"
LABEL = Label(1, JOB, "a" * 64, "b" * 64, 1.0, 2.0, 3.0, 4.0, "w", bytes(range(256)) * 20)


def test_a_message_comes_back_as_it_was_sent() -> None:
    assert messages.decode(messages.encode(LABEL), Label) == LABEL


def test_the_time_that_keys_took_to_load_is_a_stage_of_its_own() -> None:
    taken = msgspec.structs.replace(LABEL, taken_at=1.25)
    assert messages.fleet_stages(taken) == {"queue": 0.25, "keys": 0.75, "evaluate": 1.0}


def test_a_label_that_was_kept_without_the_time_at_which_it_was_taken_has_no_such_stage() -> None:
    fields = msgspec.structs.asdict(LABEL)
    del fields["taken_at"]
    kept = messages.decode(messages.with_checksum(msgspec.msgpack.encode(fields)), Label)
    assert kept == LABEL
    assert messages.fleet_stages(kept) == {"queue": 1.0, "keys": 0.0, "evaluate": 1.0}


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
