"""What is to be published waits in the key holder's file, in order, for each target on its own."""

from pathlib import Path

import msgspec
import pytest

from common.errors import WireError
from common.publishing.events import decode_event, event_id, plain, whole
from tests.unit.common.publishing.queues import JOB, LABEL, PLAIN, READING, opened


def test_events_wait_for_each_target_until_they_arrived_there_also_over_restarts(tmp_path: Path) -> None:
    with opened(tmp_path / "file", "webhook", "command") as queue:
        queue.add(LABEL, READING)
        first, second = queue.outgoing.first("webhook", 10)
        assert [decode_event(each.body) for each in (first, second)] == [
            msgspec.structs.replace(LABEL, lead=None),
            READING,
        ]
        queue.outgoing.sent([first.number])
    with opened(tmp_path / "file", "webhook") as again:
        assert again.outgoing.first("webhook", 10) == [second]
        assert (again.outgoing.waiting("webhook"), again.outgoing.waiting("command")) == (1, 2)
        assert again.outgoing.left_behind() == {"command": 2}
        again.add(LABEL)
        assert [each["kind"] for each in again.waiting("webhook")] == ["reading", "label"]
        assert again.outgoing.waiting("command") == 2  # nothing new is kept for a target that is set no more


def test_an_event_that_is_not_recorded_is_not_published(tmp_path: Path) -> None:
    with opened(tmp_path / "file", "webhook") as queue:
        with pytest.raises(ZeroDivisionError), queue.db.transaction() as transaction:
            queue.outgoing.add(transaction, [LABEL])
            raise ZeroDivisionError
        assert queue.outgoing.waiting("webhook") == 0


def test_a_lead_is_kept_for_the_function_of_the_program_itself_and_for_nobody_else(tmp_path: Path) -> None:
    with opened(tmp_path / "file", "topic", "command", "webhook", "mqtt", "function") as queue:
        queue.add(LABEL)
        for target in ("topic", "command", "webhook", "mqtt"):
            assert queue.waiting(target) == [PLAIN]
        (kept,) = queue.outgoing.first("function", 1)
        assert decode_event(kept.body) == LABEL


def test_what_waits_can_be_given_to_another_target(tmp_path: Path) -> None:
    with opened(tmp_path / "file", "command") as queue:
        queue.add_labels(2)
        queue.outgoing.move("command", "function")
        assert (queue.counters("command"), queue.counters("function")) == ([], [3, 4])


def test_an_event_has_one_id_whenever_it_is_sent_and_no_other_has_it() -> None:
    near = [
        LABEL,
        msgspec.structs.replace(LABEL, counter=4),
        msgspec.structs.replace(LABEL, device="cam-b"),
        msgspec.structs.replace(LABEL, job=JOB.replace("3", "4")),
        READING,
        msgspec.structs.replace(READING, name="wa/ter"),
        msgspec.structs.replace(READING, name="wa%2Fter"),
        msgspec.structs.replace(READING, name="Wärme 🔥"),
    ]
    ids = [event_id(event) for event in near]
    assert len(set(ids)) == len(near)
    assert all(each.isascii() and each.isprintable() and " " not in each for each in ids)
    assert [event_id(decode_event(plain(event))) for event in near] == ids


@pytest.mark.parametrize("body", [b"", b"{}", b'{"kind":"scores"}', b"[" * 100_000, b"\xff", whole(LABEL)[:-1]])
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(WireError, match="can't be read"):
        decode_event(body)
