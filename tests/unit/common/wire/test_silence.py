"""Which connections count as alive, on real TCP servers. At a keep-alive of 1 s they may be silent for 3 s."""

import pytest

from tests.unit.common.wire.tcp_broker import Broker, connected, publish, wait_for

pytestmark = pytest.mark.slow


def test_a_connection_by_which_nothing_comes_but_answers_to_pings_is_kept() -> None:
    broker = Broker(b"", damaged=1)
    with connected(broker) as (connection, _):
        wait_for(lambda: broker.heard > 6, connection)
        assert connection.connected
        assert broker.connections == 1


def test_a_connection_by_which_messages_come_but_no_answers_to_pings_is_kept() -> None:
    messages = [publish(b"t", b"hello", number) for number in range(1, 101)]
    broker = Broker(b"".join(messages), damaged=1, pace=20 * len(messages[0]))
    with connected(broker) as (connection, received):
        wait_for(lambda: len(received) == 100, connection)
        assert broker.connections == 1


def test_a_long_download_is_kept_for_as_long_as_its_bytes_come() -> None:
    """No answer to a ping can come before the packet's end."""
    broker = Broker(publish(b"t", bytes(300_000)), damaged=1, pace=50_000)
    with connected(broker) as (connection, received):
        wait_for(lambda: received, connection)
        assert [len(message.payload) for message in received] == [300_000]
        assert broker.connections == 1


def test_a_peer_that_falls_silent_is_left() -> None:
    broker = Broker(b"", damaged=1, deaf=True)
    with connected(broker) as (connection, received):
        wait_for(lambda: received, connection)
        assert broker.connections == 2


def test_a_packet_whose_length_was_damaged_is_not_waited_for_for_ever() -> None:
    """Its announced 200 MB never come, though the broker's answers to each ping do."""
    broker = Broker(b"\x32\xff\xff\xff\x5f" + b"\x00" * 10, damaged=1)
    with connected(broker) as (connection, received):
        wait_for(lambda: received, connection)
        assert broker.connections == 2


def test_a_packet_that_comes_too_slowly_for_a_download_is_not_waited_for() -> None:
    broker = Broker(publish(b"t", bytes(300_000)), damaged=1, pace=1000)
    with connected(broker) as (connection, received):
        wait_for(lambda: received, connection)
        assert [message.payload for message in received] == [b"hello"]
