"""Messages that wait in the bridge: all are kept, in order, and reading stops while they are too many bytes."""

import threading

from broker.inbox import Inbox
from common.mqtt import Received


def message(number: int, size: int = 100) -> Received:
    return Received("topic", bytes([number]) * size, number, 1, 1)


def test_every_message_is_kept_in_order_whatever_the_bound() -> None:
    inbox = Inbox(most_bytes=250)
    for number in range(10):
        inbox.put(message(number))
    assert [inbox.get(0) for _ in range(11)] == [*map(message, range(10)), None]


def test_there_is_room_again_once_enough_was_taken_out() -> None:
    inbox = Inbox(most_bytes=250)
    assert inbox.has_room(0)
    for number in range(3):
        inbox.put(message(number))
    assert not inbox.has_room(0)
    threading.Timer(0.05, inbox.get, (0,)).start()
    assert inbox.has_room(10)


def test_a_message_larger_than_the_bound_passes() -> None:
    inbox = Inbox(most_bytes=250)
    inbox.put(message(1, 10_000))
    assert not inbox.has_room(0)
    assert inbox.get(0) == message(1, 10_000)
    assert inbox.has_room(0)


def test_what_came_by_an_earlier_connection_is_forgotten_at_once() -> None:
    inbox = Inbox(most_bytes=250)
    for number in range(5):
        inbox.put(message(number))
    assert inbox.clear() == 5
    assert inbox.has_room(0) and inbox.get(0) is None
