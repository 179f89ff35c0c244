"""Messages on the wire: bytes that changed on their way are never read as another message."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import CorruptedError, WireError
from common.wire import messages
from common.wire.messages import Burst, EncryptedScores, ErrorReply, KeyAck, Task, sealed_size

JOB = "00000007-0123456789abcdef"
SCORES = EncryptedScores(1, JOB, "a" * 64, "b" * 64, 1.0, 2.0, 3.0, 4.0, "w", bytes(range(256)) * 20)


def test_a_message_comes_back_as_it_was_sent() -> None:
    assert messages.decode(messages.encode(SCORES), EncryptedScores) == SCORES


def test_the_time_that_keys_took_to_load_is_a_stage_of_its_own() -> None:
    taken = msgspec.structs.replace(SCORES, taken_at=1.25)
    assert messages.fleet_stages(taken) == {"queue": 0.25, "keys": 0.75, "evaluate": 1.0}


def test_a_label_that_was_kept_without_the_time_at_which_it_was_taken_has_no_such_stage() -> None:
    fields = msgspec.structs.asdict(SCORES)
    del fields["taken_at"]
    kept = messages.decode(messages.with_checksum(msgspec.msgpack.encode(fields)), EncryptedScores)
    assert kept == SCORES
    assert messages.fleet_stages(kept) == {"queue": 1.0, "keys": 0.0, "evaluate": 1.0}


@given(at=st.integers(0, 8 * len(messages.encode(SCORES)) - 1))
def test_one_changed_bit_anywhere_is_noticed(at: int) -> None:
    data = bytearray(messages.encode(SCORES))
    data[at // 8] ^= 1 << at % 8
    with pytest.raises(CorruptedError, match="CRC-32"):
        messages.decode(bytes(data), EncryptedScores)


@given(at=st.integers(0, len(messages.encode(SCORES)) - 4), burst=st.binary(min_size=1, max_size=4))
def test_a_run_of_changed_bytes_is_noticed(at: int, burst: bytes) -> None:
    data = messages.encode(SCORES)
    changed = data[:at] + burst + data[at + len(burst) :]
    if changed != data:
        with pytest.raises(CorruptedError):
            messages.decode(changed, EncryptedScores)


@given(kept=st.integers(0, len(messages.encode(SCORES)) - 1))
def test_a_message_cut_short_is_noticed(kept: int) -> None:
    with pytest.raises(WireError):
        messages.decode(messages.encode(SCORES)[:kept], EncryptedScores)


@given(st.binary(max_size=100))
def test_any_bytes_under_a_right_checksum_are_no_message_and_no_crash(body: bytes) -> None:
    with pytest.raises(WireError) as caught:
        messages.decode(messages.with_checksum(body), EncryptedScores)
    assert not isinstance(caught.value, CorruptedError)


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf"), 1e300])
def test_advice_that_no_clock_can_follow_is_no_message(seconds: float) -> None:
    reply = ErrorReply(1, JOB, "busy", "", seconds)
    with pytest.raises(WireError, match="retry_in"):
        messages.decode(messages.encode(reply), ErrorReply)


BURST = Burst(1, "cam-a", JOB, "a" * 64, "b" * 64, 1.0, b"c", 4, "site")


def test_without_capture_times_a_message_has_no_field_that_earlier_versions_do_not_know() -> None:
    for message in (BURST, SCORES):
        assert b"sealed" not in messages.encode(message)
    assert "sealed" not in msgspec.to_builtins(Task("cam-a", JOB, "a" * 64, "b" * 64, "blob", 1.0))


def test_a_burst_says_nothing_of_the_form_of_scores_unless_it_asks_for_rounded_ones() -> None:
    assert b"labels" not in messages.encode(BURST)
    asking = msgspec.structs.replace(BURST, labels="rounded")
    assert messages.decode(messages.encode(asking), Burst).labels == "rounded"
    raw = msgspec.msgpack.encode({**msgspec.structs.asdict(BURST), "labels": "none"})
    with pytest.raises(WireError, match="labels"):
        messages.decode(messages.with_checksum(raw), Burst)


def test_sealed_capture_times_pass_the_bridge_unchanged_and_have_the_size_that_fits_their_frames() -> None:
    sealed = bytes(range(72))
    assert len(sealed) == sealed_size(4)
    burst = messages.decode(messages.encode(msgspec.structs.replace(BURST, sealed=sealed)), Burst)
    task = Task(burst.device, burst.job, burst.key_set, burst.plan, "blob", 1.0, burst.frames, "site", burst.sealed)
    assert msgspec.convert(msgspec.to_builtins(task), Task).sealed == sealed
    for wrong in (b"x", bytes(71), bytes(73), bytes(sealed_size(16384)), bytes(10**6)):
        raw = msgspec.msgpack.encode({**msgspec.structs.asdict(BURST), "sealed": wrong})
        with pytest.raises(WireError, match="sealed"):
            messages.decode(messages.with_checksum(raw), Burst)


def test_a_worker_s_name_fits_a_line() -> None:
    with pytest.raises(WireError, match="worker"):
        messages.decode(messages.encode(msgspec.structs.replace(SCORES, worker="w" * 257)), EncryptedScores)


ERROR = ErrorReply(1, JOB, "busy", "later")
ACK = KeyAck(1, "a" * 64, 0, 1, False, "no keys")


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (BURST, "device"),
        (BURST, "job"),
        (BURST, "key_set"),
        (BURST, "custody"),
        (SCORES, "worker"),
        (ERROR, "job"),
        (ERROR, "reason"),
        (ERROR, "detail"),
        (ACK, "error"),
        (ACK, "fingerprint"),
        (ACK, "x" * 1_000_000),
    ],
)
def test_no_text_in_a_message_is_endless_and_what_is_said_of_one_that_is_stays_short(
    message: msgspec.Struct, field: str
) -> None:
    endless = "\x01" * 1_000_000
    raw = msgspec.msgpack.encode({**msgspec.structs.asdict(message), field: endless})
    with pytest.raises(WireError) as caught:
        messages.decode(messages.with_checksum(raw), type(message))
    assert len(str(caught.value)) < 300
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("ending", ["\n", "\x1b[2J", "\x00", "\x9b"])
def test_names_and_words_hold_no_control_characters(ending: str) -> None:
    for message, field in ((BURST, "device"), (BURST, "key_set"), (SCORES, "job"), (SCORES, "worker")):
        wrong = msgspec.structs.replace(message, **{field: getattr(message, field) + ending})
        with pytest.raises(WireError, match=field):
            messages.decode(messages.encode(wrong), type(message))


def test_a_refusal_s_detail_fits_its_message_whatever_it_quotes() -> None:
    for text in ("\x01" * 20_000_000, "\U0010ffff" * 5000, "short"):
        reply = msgspec.structs.replace(ERROR, detail=messages.explained(text))
        assert messages.decode(messages.encode(reply), ErrorReply) == reply
