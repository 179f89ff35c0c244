"""What all services do at each turn of their loops, and with each message, by a connection to a real TCP server."""

import pytest
import structlog

from common.errors import WireError
from common.service import health
from common.wire.incoming import IncomingMessage
from common.wire.service_loop import ServiceLoop
from tests.unit.common.wire.tcp_broker import Broker, connected, publish, wait_for


@pytest.mark.slow
def test_each_new_connection_is_told_once() -> None:
    broker = Broker(publish(b"t", b"hello"), damaged=1)
    with connected(broker, keepalive=30) as (connection, received):
        loop = ServiceLoop(connection)
        wait_for(lambda: received, connection)
        assert [loop.turn() for _ in range(3)] == [True, False, False]
        broker.cut()
        wait_for(lambda: len(received) == 2, connection)
        assert [loop.turn() for _ in range(3)] == [True, False, False]


def test_each_turn_is_a_beat_of_the_pulse(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = Broker(b"", damaged=1)
    with connected(broker) as (connection, _):
        loop = ServiceLoop(connection)
        now = health.time.monotonic() + health.LOOP_SECONDS
        monkeypatch.setattr(health.time, "monotonic", lambda: now + 1)
        assert loop.pulse() is not None
        loop.turn()
        assert loop.pulse() is None


def test_a_message_is_acknowledged_once_it_was_handled_or_is_ignored_and_not_where_handling_failed() -> None:
    def handle(message: IncomingMessage) -> None:
        if message.mid == 2:
            raise WireError("it is no message of ours")
        if message.mid == 3:
            raise OSError("the disk is full")

    broker = Broker(b"".join(publish(b"t", b"hello", mid) for mid in (1, 2, 3)), damaged=1)
    with connected(broker, keepalive=30) as (connection, received), structlog.testing.capture_logs() as logs:
        loop = ServiceLoop(connection)
        wait_for(lambda: len(received) == 3, connection)
        assert [loop.take(message, handle) for message in received[:2]] == [True, False]
        with pytest.raises(OSError, match="the disk is full"):
            loop.take(received[2], handle)
        wait_for(lambda: len(broker.acknowledged) == 2, connection)
        assert broker.acknowledged == [1, 2]
    ignored = [(each["topic"], each["reason"]) for each in logs if each["event"] == "ignored a message"]
    assert ignored == [("t", "it is no message of ours")]
