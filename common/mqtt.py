"""An MQTT 5 connection as all services use it: paho with its defaults made safe.

paho ignores the broker's Maximum Packet Size, so `publish` checks it and refuses what would
otherwise be sent, rejected and sent again for ever. Messages are acknowledged by hand, once
they are safe; an acknowledgement that belongs to an earlier connection is dropped.
"""

import ssl
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from common.errors import BrokerError, ConfigurationError
from common.settings import ServiceSettings

#: How long `connect` waits for the broker's first answer.
_SETTLE_TIMEOUT = 3.0
_PUBLISH_OVERHEAD = 1024  # topic and properties of a PUBLISH, generously
_UNREADABLE_PAUSE = 1.0  # seconds before the next try, lest a broken line keep us busy
_PROTOCOL_ERROR, _TAKEN_OVER, _BAD_CREDENTIALS, _NOT_AUTHORISED = 130, 142, 134, 135

log = structlog.get_logger()


@dataclass(frozen=True)
class Received:
    """A message, and the connection that it came by."""

    topic: str
    payload: bytes
    mid: int
    qos: int
    connection: int


@dataclass(frozen=True)
class Will:
    """A retained message that the broker publishes when this client disappears."""

    topic: str
    payload: bytes


class MqttConnection:
    """A connection that stays: it reconnects, resubscribes, and says why it can't.

    With `session_expiry` the broker keeps messages for us while we are away, for so many seconds; not after
    it sent something that can't be read, lest it send that for ever.
    `on_message` and `on_connect` run in paho's thread and must not block.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        client_id: str,
        *,
        on_message: Callable[[Received], None] | None = None,
        on_connect: Callable[[], None] | None = None,
        subscriptions: tuple[str, ...] = (),
        will: Will | None = None,
        receive_maximum: int = 64,
        session_expiry: int | None = None,
    ) -> None:
        self._settings = settings
        self._session_expiry = session_expiry
        self._subscriptions = subscriptions
        self._on_message, self._on_connect = on_message, on_connect
        self._receive_maximum = receive_maximum
        self._generation = 0
        self._connected = threading.Event()
        self._settled = threading.Event()
        self._fatal: BrokerError | None = None
        self._max_packet_size: int | None = None
        self._client = self._make_client(client_id, will)

    @property
    def connected(self) -> bool:
        """Whether the connection is up now."""
        return self._connected.is_set()

    @property
    def largest_payload(self) -> int | None:
        """Bytes of the largest message that the broker takes; None when it set no limit or wasn't reached yet."""
        return None if self._max_packet_size is None else self._max_packet_size - _PUBLISH_OVERHEAD

    def connect(self) -> None:
        """Connect, and keep the connection in a thread.

        Raises `BrokerError` when the broker refuses us. A broker that can't be reached is waited
        for in the background, with a warning at each attempt: services start in any order.
        """
        self._prepare(clean=self._session_expiry is None)
        self._client.loop_start()
        self._settled.wait(_SETTLE_TIMEOUT)
        self.check()

    def check(self) -> None:
        """Raise the `BrokerError` that ended the connection for good, if any."""
        if self._fatal is not None:
            self._client.loop_stop()
            raise self._fatal

    def wait_connected(self, timeout: float) -> bool:
        """Wait until the connection is up."""
        return self._connected.wait(timeout)

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, expiry: int | None = None, **user: str
    ) -> mqtt.MQTTMessageInfo:
        """Publish with QoS 1. Raises `BrokerError` when it is larger than the broker takes."""
        most = self.largest_payload
        if most is not None and len(payload) > most:
            raise BrokerError(
                f"a message of {len(payload):,} bytes is over the broker's max_packet_size of "
                f"{self._max_packet_size:,}; raise it there"
            )
        properties = _properties(PacketTypes.PUBLISH)
        if expiry is not None:
            properties.MessageExpiryInterval = expiry
        if user:
            properties.UserProperty = list(user.items())
        return self._client.publish(topic, payload, qos=1, retain=retain, properties=properties)

    def publish_confirmed(self, topic: str, payload: bytes, timeout: float, **options: Any) -> None:
        """Publish and wait for the broker's acknowledgement. Raises `BrokerError` without one."""
        if not self.wait_connected(timeout):
            raise BrokerError("the MQTT broker can't be reached")
        info = self.publish(topic, payload, **options)
        try:
            info.wait_for_publish(timeout)
        except (RuntimeError, ValueError) as error:
            raise BrokerError(f"the message couldn't be published: {error}") from error
        if not info.is_published():
            raise BrokerError(f"the broker didn't acknowledge a message within {timeout:g} s")

    def acknowledge(self, message: Received) -> None:
        """Tell the broker that a message is safe, unless its connection is gone."""
        if message.qos and message.connection == self._generation and self.connected:
            self._client.ack(message.mid, message.qos)

    def close(self) -> None:
        """Disconnect, without a will, and stop the thread."""
        self._client.disconnect()
        self._client.loop_stop()

    def _prepare(self, clean: bool) -> None:
        properties = _properties(PacketTypes.CONNECT)
        properties.ReceiveMaximum = self._receive_maximum
        host, port, keepalive = self._settings.mqtt_host, self._settings.mqtt_port, self._settings.mqtt_keepalive
        if self._session_expiry is not None:
            properties.SessionExpiryInterval = self._session_expiry
        self._client.connect_async(host, port, keepalive, clean_start=clean, properties=properties)

    def _make_client(self, client_id: str, will: Will | None) -> mqtt.Client:
        settings = self._settings
        client = _Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5, manual_ack=True)
        client.on_unreadable = self._unreadable
        if settings.mqtt_username is not None:
            client.username_pw_set(settings.mqtt_username, settings.password())
        if settings.mqtt_ca_file is not None:
            try:
                context = ssl.create_default_context(cafile=str(settings.mqtt_ca_file))
                if settings.mqtt_cert_file is not None:
                    context.load_cert_chain(settings.mqtt_cert_file, settings.mqtt_key_file)
            except (OSError, ssl.SSLError) as error:
                raise ConfigurationError(f"a TLS file can't be used: {error}") from error
            client.tls_set_context(context)
        if will is not None:
            client.will_set(will.topic, will.payload, qos=1, retain=True)
        client.reconnect_delay_set(min_delay=1, max_delay=30)
        client.max_inflight_messages_set(20)
        client.on_connect = self._connect_done
        client.on_connect_fail = self._connect_failed
        client.on_disconnect = self._disconnect_done
        client.on_message = self._message
        client.on_publish = self._published
        return client

    def _connect_done(
        self, client: mqtt.Client, _: object, flags: object, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._refused(reason)
            return
        self._generation += 1
        self._max_packet_size = getattr(properties, "MaximumPacketSize", None)
        for topic in self._subscriptions:
            client.subscribe(topic, qos=1)
        self._connected.set()
        self._settled.set()
        log.debug("connected", host=self._settings.mqtt_host, max_packet_size=self._max_packet_size)
        if self._on_connect is not None:
            self._on_connect()

    def _connect_failed(self, client: mqtt.Client, _: object) -> None:
        where = f"{self._settings.mqtt_host}:{self._settings.mqtt_port}"
        reason = sys.exc_info()[1]  # paho calls this while it handles the error, and doesn't pass it
        log.warning(f"no MQTT broker at {where}; trying again (--mqtt-host, --mqtt-port)", reason=str(reason))

    def _refused(self, reason: ReasonCode) -> None:
        if reason.value in (_BAD_CREDENTIALS, _NOT_AUTHORISED):
            user = self._settings.mqtt_username
            self._fail(f"the broker refuses user {user!r}: {reason}; check the user name and password file")
        else:
            log.warning("the broker refuses the connection; trying again", reason=str(reason))

    def _disconnect_done(
        self, client: mqtt.Client, _: object, flags: object, reason: ReasonCode, properties: Properties | None
    ) -> None:
        self._connected.clear()
        if reason.value == _TAKEN_OVER:
            user = self._settings.mqtt_username
            self._fail(f"another client connected as {user!r} and took over: give each device its own id")
        elif reason.is_failure:
            log.warning("lost the MQTT connection; reconnecting", reason=str(reason))
            if reason.value == _PROTOCOL_ERROR:
                self._prepare(clean=True)

    def _unreadable(self, error: Exception) -> None:
        """paho couldn't read a packet, and has left the connection open."""
        self._connected.clear()
        log.warning("what the broker sends can't be read; reconnecting", reason=f"{type(error).__name__}: {error}")
        time.sleep(_UNREADABLE_PAUSE)
        self._prepare(clean=True)

    def _fail(self, message: str) -> None:
        self._fatal = BrokerError(message)
        self._settled.set()
        self._client.disconnect()

    def _published(
        self, client: mqtt.Client, _: object, mid: int, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:  # Mosquitto's access rules, say; to send it again can't help
            log.warning("the broker refuses a message", reason=str(reason))

    def _message(self, client: mqtt.Client, _: object, message: mqtt.MQTTMessage) -> None:
        payload = bytes(message.payload)
        try:
            topic = message.topic
        except UnicodeDecodeError as error:  # no broker passes that on: it was changed on its way
            log.warning("a message is dropped: its topic can't be read", reason=str(error))
            client.ack(message.mid, message.qos)
            return
        received = Received(topic, payload, message.mid, message.qos, self._generation)
        if self._on_message is None:
            self.acknowledge(received)
            return
        try:
            self._on_message(received)
        except Exception:  # paho's thread must survive whatever a message holds
            log.exception("a message could not be handled", topic=topic)
            self.acknowledge(received)


class _Client(mqtt.Client):
    """paho's thread would end when what the broker sent confuses it; this one goes on."""

    on_unreadable: Callable[[Exception], None]

    def loop_forever(self, timeout: float = 1.0, retry_first_connection: bool = False) -> MQTTErrorCode:
        while True:
            try:
                return super().loop_forever(timeout, retry_first_connection)
            except Exception as error:
                self.on_unreadable(error)


def _properties(packet: int) -> Properties:
    return Properties(packet)  # type: ignore[no-untyped-call]  # paho has no types for it
