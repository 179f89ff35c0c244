"""paho's client with its defaults made safe: TLS, manual acknowledgement, and a connection that always comes back."""

import contextlib
import random
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from common.errors import ConfigurationError
from common.logs import get_logger
from common.service.settings import ServiceSettings

#: Seconds before the first attempt to reconnect, which are doubled for each further one, and the most seconds. Each
#: client draws both between these bounds, lest a thousand clients that lost one broker return at one moment.
_FIRST_DELAY, _LAST_DELAY = (1.0, 3.0), (8.0, 15.0)
#: Keep-alives after which a connection is given up that brought no whole packet, nor enough bytes of one. For paho any
#: byte is enough: it would wait for ever for the end of a packet whose length was damaged.
_SILENCE = 3
#: Bytes a second, at least, by which a packet that isn't whole yet counts as life. One whose length was damaged gets
#: fewer on most lines: answers to pings, and messages until the broker has to wait for their acknowledgements.
_SLOWEST = 10_000
#: Bits of a PUBLISH's first byte that hold its QoS.
_QOS_BITS = 0x06
#: Bytes of a PUBLISH's message id, which is there unless the QoS is 0.
_MID_BYTES = 2
#: Seconds between two looks at what is to be written, while nothing may be read.
_PAUSE = 0.05

log = get_logger(__name__)


@dataclass(frozen=True)
class Will:
    """A retained message that the broker publishes when this client disappears."""

    topic: str
    payload: bytes


class LastingClient(mqtt.Client):
    """paho's client, whose thread survives bytes that it can't read.

    paho raises in its network thread for bytes that are no MQTT, such as those of a damaged packet. The thread ends,
    and nothing would ever reconnect. Here the thread goes on, and calls `on_broken` before it reconnects.
    The properties of a PUBLISH aren't read. A broker passes them on as any client chose them; paho takes a minute
    for 150,000 of them in 750 KB, and raises for some that Mosquitto lets pass, such as U+FEFF.
    `may_read` can hold back the reading. Meanwhile the client still pings and acknowledges; after two keep-alives it
    gives the connection up, since it can't know whether the broker answers.

    Two of paho's private names are used, `_packet_handle` and `_in_packet`; tests/unit/common/wire/test_paho_client.py
    says what each has to be.
    """

    #: What paho's thread calls before it reconnects after bytes that it couldn't read.
    on_broken: Callable[[], None] = staticmethod(lambda: None)
    #: Whether more may be read, now or in so many seconds. While it may not, TCP holds the broker back.
    may_read: Callable[[float], bool] = staticmethod(lambda _: True)
    #: Whether `loop_stop` was called.
    _ended = False
    #: Seconds of the monotonic clock at the last sign of life.
    _heard_at = 0.0
    #: Bytes of the unfinished packet that were there at the last sign of life.
    _heard_bytes = 0

    def cut_if_silent(self) -> None:
        """Give up a connection that is up, and that showed no sign of life for too long."""
        silence = time.monotonic() - self._heard_at
        if silence > self._patience:
            log.warning("no packet came by the MQTT connection for too long", seconds=silence)
            self.cut()

    def cut(self) -> None:
        """Cut the connection, so that the loop makes another."""
        self._heard_at = time.monotonic()  # once is enough
        current = cast("socket.socket | None", self.socket())
        if current is not None:
            with contextlib.suppress(OSError):  # it was gone already
                # TLS's own `shutdown` would first take the TLS off, and paho's thread go on in the clear for a moment.
                socket.socket.shutdown(current, socket.SHUT_RDWR)

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """paho's thread runs this when there is something to read; what is to be written is written meanwhile."""
        if not self.may_read(_PAUSE):
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        result = super().loop_read(max_packets)
        unfinished = len(self._in_packet["packet"])
        if unfinished - self._heard_bytes >= _SLOWEST * self._patience:
            self._heard_at, self._heard_bytes = time.monotonic(), unfinished
        return result

    def _packet_handle(self) -> MQTTErrorCode:
        """paho's thread runs this for each whole packet, which is in `_in_packet`."""
        self._heard_at, self._heard_bytes = time.monotonic(), 0
        command = self._in_packet["command"]
        if command >> 4 == PacketTypes.PUBLISH:
            _cut_properties(self._in_packet["packet"], has_mid=command & _QOS_BITS != 0)
        return super()._packet_handle()

    @property
    def _patience(self) -> float:
        """Seconds without a sign of life after which the connection is given up."""
        return _SILENCE * self.keepalive

    def loop_forever(self, timeout: float = 1.0, retry_first_connection: bool = False) -> MQTTErrorCode:
        """paho's thread runs this until `loop_stop`."""
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


def check_tls(settings: ServiceSettings) -> None:
    """Raise `ConfigurationError` for TLS files that can't be used, before anything else is begun."""
    if settings.mqtt_ca_file is not None:
        _tls(settings)


def connect_properties(receive_maximum: int, session_expiry: int | None) -> Properties:
    """What a CONNECT asks of the broker; a session that ends with its connection, where no expiry (s) is given."""
    properties = _properties(PacketTypes.CONNECT)
    properties.ReceiveMaximum = receive_maximum
    if session_expiry is not None:
        properties.SessionExpiryInterval = session_expiry
    return properties


def publish_properties(expiry: int | None, user: Mapping[str, str]) -> Properties:
    """A message's expiry (s) and user properties."""
    properties = _properties(PacketTypes.PUBLISH)
    if expiry is not None:
        properties.MessageExpiryInterval = expiry
    if user:
        properties.UserProperty = list(user.items())
    return properties


def _cut_properties(packet: bytearray, has_mid: bool) -> None:
    """Take the properties out of a PUBLISH; one that is too short for what it says stays as it is, and paho raises."""
    start = 2 + int.from_bytes(packet[:2], "big") + (_MID_BYTES if has_mid else 0)
    length, size = 0, 0  # of the properties, and of their length: 7 bits a byte, the lowest first
    while size < 4 and start + size < len(packet):
        byte = packet[start + size]
        length |= (byte & 0x7F) << 7 * size
        size += 1
        if byte < 0x80:
            if start + size + length <= len(packet):
                packet[start : start + size + length] = b"\0"
            return


def _properties(packet: int) -> Properties:
    return Properties(packet)  # type: ignore[no-untyped-call]  # paho has no types for it


def _tls(settings: ServiceSettings) -> ssl.SSLContext:
    name, file = "mqtt_ca_file", settings.mqtt_ca_file
    try:
        context = ssl.create_default_context(cafile=str(file))
        if settings.mqtt_cert_file is not None:
            name, file = "mqtt_cert_file", settings.mqtt_cert_file
            context.load_cert_chain(file, settings.mqtt_key_file)
    except (OSError, ssl.SSLError) as error:
        key = settings.mqtt_key_file or "none; give --mqtt-key-file, unless the certificate's file holds it"
        more = f", with the key mqtt_key_file: {key}" if name == "mqtt_cert_file" else ""
        raise ConfigurationError(f"{name} is {file}, which can't be used{more}: {error}") from error
    return context
