"""Connections of a site's users to its broker, and what arrives on them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from blindsight.demo.servers import Servers
from common.errors import BrokerError
from common.service.settings import ServiceSettings
from common.wire.connection import MqttConnection
from common.wire.incoming import IncomingMessage

JOB = "00000001-0123456789abcdef"
FINGERPRINT = "ab" * 32
OWN = [f"frames/{JOB}", f"keys/{FINGERPRINT}/0", "status"]
BRIDGE_READS = ["blindsight/v1/+/frames/+", "blindsight/v1/+/keys/+/+", "blindsight/v1/+/status"]


def settings_of(servers: Servers, user: str, port: int | None = None) -> ServiceSettings:
    """What a user connects with, to the port of its kind or to another."""
    kind = servers.mqtt_service_port if user in ("bridge", "worker") else servers.mqtt_port
    return ServiceSettings(mqtt_port=port or kind, mqtt_username=user, mqtt_password_file=servers.password_file(user))


@contextmanager
def connection(
    servers: Servers, user: str, *topics: str, client_id: str | None = None
) -> Iterator[tuple[MqttConnection, list[IncomingMessage]]]:
    settings = settings_of(servers, user)
    received: list[IncomingMessage] = []
    client = MqttConnection(settings, client_id or f"{user}-test", on_message=received.append, subscriptions=topics)
    client.connect()
    time.sleep(0.3)
    try:
        yield client, received
    finally:
        client.close()


def deliver(client: MqttConnection, topic: str) -> None:
    """Publish and give the broker time to pass it on; a denied one is acknowledged all the same."""
    with suppress(BrokerError):
        client.publish_confirmed(topic, b"x", 5)
    time.sleep(0.3)
