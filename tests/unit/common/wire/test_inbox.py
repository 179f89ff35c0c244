"""Messages that wait: reading stops while they are too many bytes, devices take turns, and none has too many."""

import threading
from collections.abc import Iterator

import pytest

from common.wire import inbox as module
from common.wire import topics
from common.wire.inbox import LANE_MESSAGES, Inbox
from common.wire.incoming import IncomingMessage
from edge import sending


@pytest.fixture
def inbox() -> Inbox:
    return Inbox(may_drop=lambda _: True)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Inbox:
    """Room for two and a half messages of 100 bytes."""
    monkeypatch.setattr(module, "_MOST_BYTES", 2750)
    return Inbox(may_drop=lambda _: True)


def message(
    device: str = "cam-a", number: int = 0, size: int = 100, kind: str = "frames", qos: int = 1
) -> IncomingMessage:
    return IncomingMessage(f"{topics.ROOT}/{device}/{kind}/{number}", bytes(size), number, qos, 1)


def taken(inbox: Inbox) -> Iterator[tuple[str, int]]:
    """Device and number of all that waits, in the order in which it is handed out."""
    while (received := inbox.get(0)) is not None:
        yield received.topic.split("/")[2], received.mid


def test_devices_take_turns_and_each_has_its_messages_in_their_order(inbox: Inbox) -> None:
    for number in range(5):
        assert inbox.put(message("flood", number))
    assert inbox.put(message("cam-a", 1)) and inbox.put(message("cam-b", 1)) and inbox.put(message("cam-a", 2))
    assert list(taken(inbox)) == [
        *(("flood", 0), ("cam-a", 1), ("cam-b", 1)),
        *(("flood", 1), ("cam-a", 2)),
        *(("flood", 2), ("flood", 3), ("flood", 4)),
    ]


def test_junk_costs_its_sender_and_nobody_else(inbox: Inbox) -> None:
    kept = [inbox.put(message("flood", number, size=5, qos=0)) for number in range(2000)]
    assert sum(kept) == LANE_MESSAGES
    assert inbox.put(message("cam-a", 1))
    assert list(taken(inbox))[1] == ("cam-a", 1)


def test_who_overflows_is_not_heard_for_a_moment_so_that_it_is_not_handled_as_fast_as_it_sends() -> None:
    now = [100.0]
    inbox = Inbox(lambda _: True, clock=lambda: now[0])
    for number in range(LANE_MESSAGES + 1):
        inbox.put(message("flood", number))
    assert len(list(taken(inbox))) == LANE_MESSAGES
    assert not inbox.put(message("flood")) and inbox.put(message("cam-a"))
    now[0] += 1
    assert inbox.put(message("flood"))


def test_500_devices_with_a_frame_each_lose_none(inbox: Inbox) -> None:
    assert all(inbox.put(message(f"cam-{number}", number, 320_000)) for number in range(500))
    assert len(list(taken(inbox))) == 500


def test_a_device_has_room_for_all_that_it_sends_before_it_is_answered(inbox: Inbox) -> None:
    window = sending._WINDOW["all"]
    for number in range(window):
        assert inbox.put(message("cam-a", number, sending._WINDOW_BYTES // window + 150_000))
    for number in range(5):
        assert inbox.put(message("cam-a", number, 512 * 1024, kind="keys"))
    for number in range(2):  # of the largest bursts
        assert inbox.put(message("cam-b", number, 64_000_000))
    assert not inbox.put(message("cam-b", 3))
    for number in range(2 * window):  # once more, since their answers were late
        assert inbox.put(message("cam-c", number, 1_000_000))


def test_what_may_not_be_dropped_waits_however_much_there_is() -> None:
    inbox = Inbox(may_drop=lambda each: each.qos == 0)
    assert all(inbox.put(message("cam-a", number, kind="labels")) for number in range(100))
    statuses = [inbox.put(message("cam-a", number, kind="status", qos=0)) for number in range(100)]
    assert sum(statuses) == LANE_MESSAGES
    assert len(list(taken(inbox))) == 100 + LANE_MESSAGES


def test_there_is_room_again_once_enough_was_taken_out(small: Inbox) -> None:
    assert small.has_room(0)
    for number in range(3):
        small.put(message(number=number))
    assert not small.has_room(0)
    threading.Timer(0.05, small.get, (0,)).start()
    assert small.has_room(10)


def test_a_message_larger_than_the_bound_passes(small: Inbox) -> None:
    large = message(size=10_000)
    small.put(large)
    assert not small.has_room(0)
    assert small.get(0) == large
    assert small.has_room(0)


def test_empty_messages_take_room_too(small: Inbox) -> None:
    for number in range(3):
        small.put(message(f"cam-{number}", size=0))
    assert not small.has_room(0)


def test_what_came_by_an_earlier_connection_is_forgotten_at_once(small: Inbox) -> None:
    for number in range(5):
        small.put(message(number=number))
    assert small.clear() == 5
    assert small.has_room(0) and small.get(0) is None


@pytest.mark.parametrize("topic", ["", "/", "t", "blindsight/v1", "/" * 1000, "blindsight/v1/" + "x" * 65_000])
def test_any_topic_has_a_lane(inbox: Inbox, topic: str) -> None:
    assert inbox.put(IncomingMessage(topic, b"", 1, 1, 1))
    assert inbox.get(0) is not None and inbox.get(0) is None
