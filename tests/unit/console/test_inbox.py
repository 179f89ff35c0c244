"""The inbox holds so many bytes and no more: whoever sends then waits."""

import threading

import pytest

from common.mqtt import Received
from console import inbox
from console.inbox import Inbox


def message(mid: int, size: int = 100, qos: int = 1) -> Received:
    return Received("t", bytes(size), mid, qos, 1)


def test_messages_come_in_order_and_what_has_no_qos_is_dropped() -> None:
    box = Inbox()
    for mid in range(3):
        box.put(message(mid))
        box.put(message(mid, qos=0))  # no receive maximum holds for it
    assert [got.mid for _ in range(3) if (got := box.get(1.0))] == [0, 1, 2]
    assert box.get(0.0) is None


@pytest.mark.parametrize("size", [1_000, 30_000])  # the second alone is more than there is room for
def test_the_sender_waits_while_there_is_enough(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(inbox, "_BYTES", 20_000)
    box, put = Inbox(), []

    def send() -> None:
        for mid in range(40):
            box.put(message(mid, size))
            put.append(mid)

    sender = threading.Thread(target=send)
    sender.start()
    most = 0
    for mid in range(40):
        got = box.get(10.0)
        assert got is not None and got.mid == mid
        most = max(most, len(put) - mid)
    sender.join(10)
    assert most * size <= 20_000 + 2 * size


def test_its_end_frees_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "_BYTES", 1)
    box = Inbox()
    box.put(message(0))
    sender = threading.Thread(target=box.put, args=[message(1)])
    sender.start()
    box.close()
    sender.join(10)
    assert not sender.is_alive()
    assert box.get(10.0) is None
