"""The console records each frame's label once; what isn't a label of its plans is a WireError and records nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
import structlog

from common.errors import WireError
from common.keys.key_set import KeySet, load_times_key
from common.keys.known_answers import KnownAnswers, KnownFrame
from common.keys.scores import ScoreReader
from common.label_groups import read_groups
from common.publishing.events import FrameLabel, decode_event
from common.wire import messages
from common.wire.capture_times import seal_times
from common.wire.messages import EncryptedScores
from console.outputs import JsonLines, LogLines
from console.record.record import Check, Record
from console.recording import LabelDesk, Recorded
from tests.unit.console.bench import JOB, make_head, make_keys, make_label

SCORES = np.array([[0.1, 0.2, 0.7], [0.5, 0.125, 0.25], [0.0, 0.9, 0.1]])
HEAD = make_head()


@pytest.fixture(scope="module")
def key_set(tmp_path_factory: pytest.TempPathFactory) -> KeySet:
    return make_keys(HEAD, tmp_path_factory.mktemp("keys") / "set")


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    made = Record(tmp_path / "labels.sqlite")
    yield made
    made.close()


def desk(record: Record, key_set: KeySet, label_only: bool = False, known: KnownAnswers | None = None) -> LabelDesk:
    return LabelDesk([ScoreReader(HEAD, key_set)], record, label_only, known)


def test_every_frame_of_a_burst_has_its_label_counter_and_lead(record: Record, key_set: KeySet) -> None:
    reading = desk(record, key_set).take("cam-a", make_label(HEAD, key_set, SCORES), 5.0)
    receipt, labels = reading.receipt, reading.labels
    assert [(each.device, each.job, each.counter, each.label) for each in labels] == [
        ("cam-a", JOB, 12, "c"),
        ("cam-a", JOB, 13, "a"),
        ("cam-a", JOB, 14, "b"),
    ]
    assert [each.lead for each in labels] == pytest.approx([0.5, 0.25, 0.8], abs=0.01)
    assert (receipt.job, receipt.frames, receipt.arrived_at) == (JOB, 3, 5.0)
    assert record.labels() == labels


def test_a_label_is_shown_and_published_with_its_group(
    key_set: KeySet, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    record, groups = Record(tmp_path / "labels.sqlite", ["webhook"]), read_groups(["last=b,c"])
    reader = LabelDesk([ScoreReader(HEAD, key_set)], record, False, None, groups=groups)
    labels = reader.take("cam-a", make_label(HEAD, key_set, SCORES), 5.0).labels
    expected = [("c", "last"), ("a", ""), ("b", "last")]
    assert [(each.label, each.group) for each in labels] == expected
    published = [decode_event(each.body) for each in record.outgoing.first("webhook", 9)]
    assert [(each.label, each.group) for each in published if isinstance(each, FrameLabel)] == expected
    with structlog.testing.capture_logs() as logs:
        for label in labels:
            LogLines().label(label)
            JsonLines().label(label)
    assert [entry.get("group") for entry in logs] == ["last", None, "last"]
    printed = [msgspec.json.decode(line) for line in capsysbinary.readouterr().out.splitlines()]
    assert [each.get("group") for each in printed] == ["last", None, "last"]
    record.close()


def test_a_label_that_comes_again_is_not_recorded_again_and_has_the_same_receipt(
    record: Record, key_set: KeySet
) -> None:
    reader, label = desk(record, key_set), make_label(HEAD, key_set, SCORES)
    first = reader.take("cam-a", label, 5.0)
    again = desk(record, key_set).take("cam-a", label, 9.0)  # another process, after a crash
    assert again == Recorded(first.receipt)
    assert record.labels() == first.labels


def test_one_job_of_two_devices_is_two(record: Record, key_set: KeySet) -> None:
    reader, label = desk(record, key_set), make_label(HEAD, key_set, SCORES[:1])
    reader.take("cam-a", label, 5.0)
    reader.take("cam-b", label, 5.0)
    assert [(each.device, each.label) for each in record.labels()] == [("cam-a", "c"), ("cam-b", "c")]
    assert record.counts() == {"cam-a": 1, "cam-b": 1}


def test_with_labels_only_no_lead_is_kept_nor_printed(record: Record, key_set: KeySet) -> None:
    labels = desk(record, key_set, label_only=True).take("cam-a", make_label(HEAD, key_set, SCORES), 5.0).labels
    assert {each.lead for each in (*labels, *record.labels())} == {None}
    assert b"lead" not in msgspec.json.encode(labels)


def test_a_lead_has_no_more_digits_than_the_eye_reads(record: Record, key_set: KeySet) -> None:
    labels = desk(record, key_set).take("cam-a", make_label(HEAD, key_set, SCORES), 5.0).labels
    assert all(len(str(each.lead)) <= len("0.123") for each in labels)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"plan": "0" * 64}, "plan 000000000000; this console reads tiny"),
        ({"frames": 5}, "5 frames, of a plan for 4"),
        ({"ciphertext": b""}, "bytes where"),
        ({"ciphertext": b"BSct" * 1000}, "bytes where"),
        ({"job": "99999999999999999999-0123456789abcdef"}, "capture counter"),
    ],
)
def test_what_is_no_label_of_our_plans_is_refused_and_not_recorded(
    record: Record, key_set: KeySet, wrong: dict[str, object], message: str
) -> None:
    hostile = msgspec.structs.replace(make_label(HEAD, key_set, SCORES), **wrong)
    with pytest.raises(WireError, match=message):
        desk(record, key_set).take("cam-a", hostile, 5.0)
    assert record.labels() == []


@pytest.mark.parametrize("seed", range(20))
def test_noise_in_a_label_never_harms_the_console(record: Record, key_set: KeySet, seed: int) -> None:
    rng = np.random.default_rng(seed)
    label = make_label(HEAD, key_set, SCORES)
    data = bytearray(label.ciphertext)
    for position in rng.integers(0, len(data), 1 + 50 * seed):
        data[position] = rng.integers(256)
    hostile = msgspec.structs.replace(label, ciphertext=bytes(data))
    try:
        labels = desk(record, key_set).take("cam-a", hostile, 5.0).labels
    except WireError:
        assert record.labels() == []
    else:  # a ciphertext of something, as a worker that cheats can send
        assert record.labels() == labels


def test_zeros_in_place_of_a_ciphertext_never_harm_the_console(record: Record, key_set: KeySet) -> None:
    label = make_label(HEAD, key_set, SCORES)
    zeros = label.ciphertext[:24] + bytes(len(label.ciphertext) - 24)
    try:
        desk(record, key_set).take("cam-a", msgspec.structs.replace(label, ciphertext=zeros), 5.0)
    except WireError:
        assert record.labels() == []


@pytest.mark.parametrize("at", [float("nan"), float("inf"), -1.0, 1e300])
def test_times_that_no_clock_shows_are_no_label(key_set: KeySet, at: float) -> None:
    hostile = msgspec.structs.replace(make_label(HEAD, key_set, SCORES), started_at=at)
    with pytest.raises(WireError, match="started_at"):
        messages.decode(messages.encode(hostile), EncryptedScores)


def schedule(device: str, expected: dict[int, int]) -> KnownAnswers:
    """Known answers at a device's counters, with their labels."""
    frame = np.zeros(HEAD.frame_shape, np.uint8)

    class Scheduled(KnownAnswers):
        def at(self, asked: str, counter: int) -> KnownFrame | None:
            known = asked == device and counter in expected
            return KnownFrame(frame, expected[counter]) if known else None

    return Scheduled(frame[None], np.zeros(1, np.int64), np.ones(1), None, b"")


def test_a_known_answer_is_compared_and_no_result(record: Record, key_set: KeySet) -> None:
    known = schedule("cam-a", {12: 2, 14: 0})  # the first comes back right, the other wrong
    reading = desk(record, key_set, known=known).take("cam-a", make_label(HEAD, key_set, SCORES), 5.0)
    assert reading.receipt.frames == 3
    assert [(each.counter, each.label) for each in record.labels()] == [(13, "a")]
    right, wrong = Check("cam-a", JOB, 12, "c", "c", "w"), Check("cam-a", JOB, 14, "a", "b", "w")
    assert reading.checks == record.checks() == [right, wrong]
    assert (right.wrong, wrong.wrong) == (False, True)


def test_a_check_is_made_once_however_often_the_label_comes(record: Record, key_set: KeySet) -> None:
    reader = desk(record, key_set, known=schedule("cam-a", {12: 0}))
    label = make_label(HEAD, key_set, SCORES)
    assert [len(reader.take("cam-a", label, 5.0).checks) for _ in range(2)] == [1, 0]


def test_a_check_of_one_device_is_a_result_of_another(record: Record, key_set: KeySet) -> None:
    known = schedule("cam-a", {12: 0})
    reading = desk(record, key_set, known=known).take("cam-b", make_label(HEAD, key_set, SCORES), 5.0)
    assert (len(reading.labels), reading.checks) == (3, [])


def sealed(key_set: KeySet, times: list[float], device: str = "cam-a", job: str = JOB) -> EncryptedScores:
    assert key_set.times is not None
    label = make_label(HEAD, key_set, SCORES)
    return msgspec.structs.replace(label, sealed=seal_times(times, key_set.times, key_set.fingerprint, device, job))


def captured(record: Record, key_set: KeySet, label: EncryptedScores) -> list[float | None]:
    reader = LabelDesk([ScoreReader(HEAD, key_set)], record, False, None, load_times_key(key_set))
    found = reader.take("cam-a", label, 1000.0).labels
    assert record.labels() == found and [each.label for each in found] == ["c", "a", "b"]
    return [each.captured_at for each in found]


def test_sealed_capture_times_are_recorded_with_their_labels(record: Record, key_set: KeySet) -> None:
    assert captured(record, key_set, sealed(key_set, [900.0, 900.5, 901.25])) == [900.0, 900.5, 901.25]


def test_a_key_set_without_a_key_for_them_knows_no_capture_times(record: Record, key_set: KeySet) -> None:
    found = desk(record, key_set).take("cam-a", sealed(key_set, [900.0] * 3), 1000.0).labels
    assert {each.captured_at for each in found} == {None}
    assert b"captured_at" not in msgspec.json.encode(found[0])


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (lambda keys: sealed(keys, [900.0] * 3, device="cam-b"), "weren't sealed for"),
        (lambda keys: sealed(keys, [900.0] * 3, job="00000013-0123456789abcdef"), "weren't sealed for"),
        (lambda keys: sealed(keys, [900.0] * 4), "bytes of capture times"),
        (lambda keys: sealed(keys, [900.0, 2e9, 901.0]), "still to come"),
        (lambda keys: msgspec.structs.replace(make_label(HEAD, keys, SCORES), sealed=bytes(66)), "weren't sealed for"),
        (lambda keys: msgspec.structs.replace(make_label(HEAD, keys, SCORES), sealed=b"x"), "bytes of capture times"),
    ],
)
def test_capture_times_that_nobody_can_have_sealed_for_the_burst_cost_nothing_but_themselves(
    record: Record, key_set: KeySet, wrong: Callable[[KeySet], EncryptedScores], reason: str
) -> None:
    with structlog.testing.capture_logs() as logs:
        assert captured(record, key_set, wrong(key_set)) == [None] * 3
    assert [(each["log_level"], each["event"]) for each in logs] == [("warning", "recorded without capture times")]
    assert reason in logs[0]["reason"]
