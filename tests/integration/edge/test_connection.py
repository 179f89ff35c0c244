"""Whatever bytes the broker passes on, a connection stays, and what comes later arrives."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from blindsight.demo.servers import Servers
from common.service.settings import ServiceSettings
from common.wire.connection import MqttConnection
from common.wire.incoming import IncomingMessage
from tests.faults.link import DOWN
from tests.faults.mqtt_link import MqttLink, Tampering
from tests.integration.fleet import wait_for

TOPIC = "blindsight/v1/cam-a/frames/1"


@contextmanager
def connected(servers: Servers, user: str, port: int, **options) -> Iterator[MqttConnection]:
    settings = ServiceSettings(mqtt_port=port, mqtt_username=user, mqtt_password_file=servers.password_file(user))
    connection = MqttConnection(settings, f"test-{user}", **options)
    connection.connect()
    time.sleep(0.3)  # the subscription's acknowledgement
    try:
        yield connection
    finally:
        connection.close()


def arrives(device: MqttConnection, received: list[IncomingMessage], payload: bytes) -> None:
    """A message comes through; sent again, as devices do, since the receiver may be reconnecting."""

    def come() -> bool:
        device.publish(TOPIC, payload)
        return any(message.payload == payload for message in received)

    wait_for("a good message", come, 30)


@pytest.mark.parametrize("session", [None, 600])
@pytest.mark.slow
def test_a_message_whose_properties_paho_cannot_read_is_read_without_them(
    servers: Servers, session: int | None
) -> None:
    received: list[IncomingMessage] = []
    options = {"on_message": received.append, "subscriptions": (TOPIC,), "session_expiry": session}
    with (
        connected(servers, "cam-a", servers.mqtt_port) as device,
        connected(servers, "bridge", servers.mqtt_service_port, **options),
    ):
        device.publish_confirmed(TOPIC, b"odd", 10, hostile="\ufeff")  # MQTT allows it; paho doesn't
        arrives(device, received, b"good")
        assert [message.payload for message in received][:2] == [b"odd", b"good"]
        assert {message.connection for message in received} == {1}


@pytest.mark.slow
@pytest.mark.mosquitto
def test_packets_that_are_changed_anywhere_end_neither_the_thread_nor_the_connection(servers: Servers) -> None:
    received: list[IncomingMessage] = []
    with (
        MqttLink(servers.mqtt_service_port, seed=1) as link,
        connected(servers, "cam-a", servers.mqtt_port) as device,
        connected(servers, "bridge", link.port, on_message=received.append, subscriptions=(TOPIC,)) as bridge,
    ):
        link.tamper(DOWN, Tampering(corrupt=1, anywhere=True))
        for round_ in range(1, 4):  # each may end the connection
            wait_for("the connection", lambda: bridge.connected)
            for _ in range(10):
                device.publish(TOPIC, b"?")
            wait_for("a change", lambda r=round_: link.done["corrupt"] >= r)
            time.sleep(0.2)
        link.heal()
        link.reset()  # what was changed may have kept messages from being acknowledged
        arrives(device, received, b"good")
