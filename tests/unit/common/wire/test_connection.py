"""A connection over bytes that are no MQTT, from a real TCP server: it always comes back."""

import socket
import threading
from contextlib import ExitStack

import pytest
from structlog.testing import capture_logs

from common.errors import BrokerError
from common.service.settings import ServiceSettings
from common.wire.connection import MqttConnection
from tests.unit.common.wire.tcp_broker import REFUSED, Broker, connected, length, publish, wait_for

#: What the first connection gets in place of a packet.
GARBAGE = [
    b"\x32\x02\xff\xff",  # a topic longer than its packet
    b"\x32\x00",  # an empty PUBLISH
    b"\x40\x01\x00",  # a PUBACK cut short
    b"\x32\x07\x00\x01t\x00\x01\x7f\x00",  # properties longer than their packet
    b"\x32\x0a\x00\x01t\x00\x01\xff\xff\xff\xff\x7f",  # and of a length that no packet has
    b"\x90\x00",
    b"\xf0\x03\x00\x00\x00",
    b"\x00\x00",
    b"\xff\xff\xff\xff\xff\xff",
]


@pytest.mark.slow
def test_a_damaged_packet_costs_its_connection_and_the_next_one_is_good() -> None:
    with ExitStack() as stack:  # all at once, since each waits before it returns
        brokers = [Broker(garbage, damaged=1) for garbage in GARBAGE]
        links = [stack.enter_context(connected(broker)) for broker in brokers]
        for (connection, received), garbage in zip(links, GARBAGE, strict=True):
            wait_for(lambda received=received: received, connection)
            assert [message.payload for message in received] == [b"hello"], garbage
        assert {broker.connections for broker in brokers} == {2}


def test_a_message_whose_topic_is_no_text_is_skipped() -> None:
    broker = Broker(publish(b"\xff\xfe", b"x") + publish(b"t", b"hello"), damaged=1)
    with connected(broker) as (connection, received):
        wait_for(lambda: received, connection)
        assert [message.payload for message in received] == [b"hello"]
        assert broker.connections == 1


#: Properties that a client may give its message. Mosquitto 2.0.11 passes on the first two.
PROPERTIES = [
    b"\x26\x00\x03\xef\xbb\xbf\x00\x00",  # a user property U+FEFF, which paho takes for no text
    b"\x26\x00\x00\x00\x00" * 150_000,  # paho would read them for minutes
    b"\x08\x00\x03\xed\xa0\x80",  # a surrogate
    b"\x01\x01" * 2,  # one twice
    b"\xee\xee",  # one that there isn't
]


@pytest.mark.parametrize("flags", [0x30, 0x32], ids=["QoS 0", "QoS 1"])
def test_what_a_client_says_in_a_message_s_properties_is_not_read(flags: int) -> None:
    mid = b"" if flags == 0x30 else b"\x00\x01"
    bodies = [b"\x00\x01t" + mid + length(len(each)) + each + b"hello" for each in PROPERTIES]
    broker = Broker(b"".join(bytes([flags]) + length(len(body)) + body for body in bodies), damaged=1)
    with connected(broker) as (connection, received):
        wait_for(lambda: len(received) == len(PROPERTIES), connection)
        assert {message.payload for message in received} == {b"hello"}
        assert broker.connections == 1


@pytest.mark.slow
def test_a_connection_closes_while_all_it_gets_is_garbage() -> None:
    broker = Broker(b"\x32\x00", damaged=10_000)
    with connected(broker) as (connection, _):
        wait_for(lambda: broker.connections >= 2, connection)
    assert not [thread for thread in threading.enumerate() if thread.name == "paho-mqtt-client-test"]


def test_while_nothing_may_be_read_the_broker_is_held_back_and_still_hears_of_us() -> None:
    room = threading.Event()
    flood = b"".join(publish(b"t", bytes([number]) * 100, number) for number in range(1, 101))
    broker = Broker(flood, damaged=10)
    with connected(broker, keepalive=2, may_read=room.wait) as (connection, received):
        wait_for(lambda: broker.connections, connection)
        before = broker.heard
        connection.publish("t", b"")
        wait_for(lambda: broker.heard > before, connection)
        wait_for(lambda: broker.heard > before + 1, connection)  # a ping
        assert received == []
        room.set()
        wait_for(lambda: len(received) == 100, connection)
        assert broker.connections == 1


@pytest.mark.slow
def test_messages_are_acknowledged_in_the_order_in_which_they_came_and_those_of_an_earlier_connection_never() -> None:
    broker = Broker(b"".join(publish(b"t", b"hello", number) for number in range(1, 5)), damaged=1)
    with connected(broker) as (connection, received):
        wait_for(lambda: len(received) == 4, connection)
        first, second, third, last = received
        for message in (third, second, first):
            assert broker.acknowledged == []
            connection.acknowledge(message)
        wait_for(lambda: broker.acknowledged == [1, 2, 3], connection)
        broker.cut()
        wait_for(lambda: len(received) == 5, connection)
        connection.acknowledge(last)
        connection.acknowledge(received[4])
        wait_for(lambda: broker.acknowledged == [1, 2, 3, 1], connection)


@pytest.mark.slow
def test_another_client_that_takes_our_id_ends_us_unless_the_caller_finds_out_who_shall_go() -> None:
    taken_over = b"\xe0\x02\x8e\x00"  # DISCONNECT 142, as newer Mosquittos send it
    broker = Broker(taken_over, damaged=1)
    with pytest.raises(BrokerError, match="another client connected"), connected(broker) as (connection, _):
        wait_for(lambda: False, connection)
    broker = Broker(taken_over, damaged=1)
    with connected(broker, yields=False) as (connection, received):
        wait_for(lambda: received, connection)
        assert broker.connections == 2


def test_a_refused_client_without_a_user_name_is_told_to_give_one() -> None:
    broker = Broker(b"", damaged=1, first=REFUSED)
    with pytest.raises(BrokerError, match=r"without a user name.*give mqtt_username"), connected(broker):
        pass


@pytest.mark.slow
def test_a_broker_that_hangs_up_before_it_answers_may_want_tls() -> None:
    """As a port for TLS does, to a client that speaks without it."""

    def hang_up() -> None:
        client, _ = listener.accept()
        with client:
            client.recv(1000)

    with socket.create_server(("127.0.0.1", 0)) as listener, capture_logs() as lines:
        threading.Thread(target=hang_up, daemon=True).start()
        connection = MqttConnection(ServiceSettings(mqtt_port=listener.getsockname()[1]), "test")
        connection.connect()
        connection.close()
    assert any("does it want TLS? (--mqtt-ca-file)" in line["event"] for line in lines)


@pytest.mark.slow
def test_a_connection_that_was_cut_says_nothing_of_tls() -> None:
    with capture_logs() as lines:
        broker = Broker(b"", damaged=0)
        with connected(broker) as (connection, received):
            wait_for(lambda: received, connection)
            broker.cut()
            wait_for(lambda: broker.connections == 2, connection)
    events = [line["event"] for line in lines]
    assert "lost the MQTT connection; reconnecting" in events
    assert not any("TLS" in event for event in events)
