"""paho's client with its defaults made safe: TLS, manual acknowledgement, and a loop that nothing ends."""

import random
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from common.errors import ConfigurationError
from common.settings import ServiceSettings

#: Seconds between attempts to reconnect: the first, doubled up to the last, each client's own
#: random ones, so that a thousand clients that lost one broker don't return as one.
_FIRST_DELAY, _LAST_DELAY = (1.0, 3.0), (8.0, 15.0)

log = structlog.get_logger()


@dataclass(frozen=True)
class Will:
    """A retained message that the broker publishes when this client disappears."""

    topic: str
    payload: bytes


class LastingClient(mqtt.Client):
    """paho's client, whose thread outlives what it can't read.

    paho raises in its network thread for bytes that are no MQTT, such as those of a damaged packet,
    and that thread ends; nothing would ever reconnect. `on_broken` is called there in its place.
    """

    on_broken: Callable[[], None] = staticmethod(lambda: None)
    _ended = False

    def loop_forever(self, timeout: float = 1.0, retry_first_connection: bool = False) -> MQTTErrorCode:
        """paho's thread runs this."""
        while True:
            try:
                return super().loop_forever(timeout, retry_first_connection)
            except Exception:  # whatever the network sent
                if self._ended:
                    return MQTTErrorCode.MQTT_ERR_PROTOCOL
                log.warning("lost the MQTT connection; reconnecting", reason="unreadable bytes", exc_info=True)
            self.on_broken()
            time.sleep(random.uniform(*_FIRST_DELAY))

    def loop_stop(self) -> MQTTErrorCode:
        """End the thread."""
        self._ended = True
        return super().loop_stop()


def make_client(settings: ServiceSettings, client_id: str, will: Will | None) -> LastingClient:
    """A client that isn't connected yet. Raises `ConfigurationError` for TLS files that can't be used."""
    options: dict[str, Any] = {"client_id": client_id, "protocol": mqtt.MQTTv5, "manual_ack": True}
    client = LastingClient(CallbackAPIVersion.VERSION2, **options)
    if settings.mqtt_username is not None:
        client.username_pw_set(settings.mqtt_username, settings.password())
    if settings.mqtt_ca_file is not None:
        client.tls_set_context(_tls(settings))
    if will is not None:
        client.will_set(will.topic, will.payload, qos=1, retain=True)
    first, last = random.uniform(*_FIRST_DELAY), random.uniform(*_LAST_DELAY)
    client.reconnect_delay_set(first, last)  # type: ignore[arg-type]  # it only compares and doubles them
    client.max_inflight_messages_set(20)
    return client


def _tls(settings: ServiceSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(settings.mqtt_ca_file))
        if settings.mqtt_cert_file is not None:
            context.load_cert_chain(settings.mqtt_cert_file, settings.mqtt_key_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"a TLS file can't be used: {error}") from error
    return context
