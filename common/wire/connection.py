"""An MQTT 5 connection as all services use it: paho with its defaults made safe.

paho ignores the broker's Maximum Packet Size. So `publish` refuses what is larger, which would
otherwise be sent, rejected and sent again for ever. Messages are acknowledged by hand, once
they are safe; an acknowledgement that belongs to an earlier connection is dropped.
"""

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from common.errors import BrokerError
from common.logs import get_logger
from common.service.settings import ServiceSettings
from common.wire.incoming import Incoming, IncomingMessage
from common.wire.paho_client import LastingClient, Will, connect_properties, make_client, publish_properties

#: Seconds for which `connect` waits for the broker's first answer.
_SETTLE_SECONDS = 3.0
#: Seconds after which a thread that computes gives way to one that waits for Python's lock; Python's default is 5 ms.
#: paho asks for the lock several times a packet, so beside a busy thread it would read some 50 packets a second.
_SWITCH_SECONDS = 0.0002
#: Bytes of a PUBLISH besides its payload, at most: its topic and properties.
_PUBLISH_OVERHEAD = 1024
#: Reason codes of MQTT 5.
_NO_SUBSCRIBERS, _UNSPECIFIED, _PROTOCOL_ERROR, _BAD_CREDENTIALS, _NOT_AUTHORISED = 16, 128, 130, 134, 135
_TAKEN_OVER = 142

log = get_logger(__name__)


@dataclass(frozen=True)
class PublishResult:
    """The broker's answer to a message of ours, by the message's id.

    `heard` is False when nobody subscribes to its topic. `refused` is True when the broker's access rules, say, forbid
    it; then nobody gets it.
    """

    mid: int
    heard: bool
    refused: bool = False


class MqttConnection:
    """A connection that stays: it reconnects, resubscribes, and says why it can't.

    `session_expiry` is the number of seconds for which the broker keeps messages for us while we are away. When the
    broker sent a packet that can't be read, the next connection asks for an empty session: otherwise the same packet
    would come again for ever.
    `observed` topics are subscribed to with QoS 0: brokers hold a queue for each client's QoS 1 messages, and drop what
    is beyond it when a thousand retained ones come at once; messages of QoS 0 pass by that queue.
    With `forget_unsent` a new connection doesn't begin with what was under way by the last one: the caller knows
    what to send again.
    With `yields`, a client that takes over our id ends this connection for good, where the broker tells us so
    (Mosquitto 2.0.21 does, 2.0.11 doesn't). Without, it reconnects, and the caller decides which of the two goes.
    `address_flag` and `ca_flag` are what the log names, for whoever has to mend the settings.
    The callbacks run in paho's thread and must not block, except `may_read`: it says whether more messages may
    come, now or within so many seconds. Until they may, the broker has to wait.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        client_id: str,
        *,
        on_message: Callable[[IncomingMessage], None] | None = None,
        on_connect: Callable[[], None] | None = None,
        on_published: Callable[[PublishResult], None] | None = None,
        subscriptions: tuple[str, ...] = (),
        observed: tuple[str, ...] = (),
        will: Will | None = None,
        receive_maximum: int = 64,
        session_expiry: int | None = None,
        forget_unsent: bool = False,
        may_read: Callable[[float], bool] | None = None,
        yields: bool = True,
        address_flag: str = "--mqtt-host, --mqtt-port",
        ca_flag: str = "--mqtt-ca-file",
    ) -> None:
        self._settings = settings
        self._address_flag, self._ca_flag = address_flag, ca_flag
        self._keeps_session = session_expiry is not None
        self._connect_properties = connect_properties(receive_maximum, session_expiry)
        self._on_connect, self._on_published = on_connect, on_published
        self._forget_unsent, self._yields = forget_unsent, yields
        self._connected, self._settled = threading.Event(), threading.Event()
        self._fatal: BrokerError | None = None
        self._max_packet_size: int | None = None
        self.connections = 0
        """The number of connections that came up so far, one after another."""
        self._client = self._make_client(client_id, will)
        levels = [(topic, 1) for topic in subscriptions] + [(topic, 0) for topic in observed]
        self._incoming = Incoming(self._client, levels, on_message)
        if may_read is not None:  # before a connection is up, no messages come
            self._client.may_read = lambda timeout: not self.connected or may_read(timeout)

    @property
    def connected(self) -> bool:
        """Whether the connection is up now."""
        return self._connected.is_set()

    @property
    def subscribed(self) -> bool:
        """Whether the broker has taken all subscriptions of this connection."""
        return self.connected and self._incoming.subscribed

    @property
    def largest_payload(self) -> int | None:
        """Bytes of the largest message that the broker takes; None when it set no limit or wasn't reached yet."""
        return None if self._max_packet_size is None else self._max_packet_size - _PUBLISH_OVERHEAD

    def connect(self) -> None:
        """Connect, and keep the connection in a thread.

        Raises `BrokerError` when the broker refuses us. A broker that can't be reached is waited
        for in the background, with a warning at each attempt: services start in any order.
        """
        sys.setswitchinterval(_SWITCH_SECONDS)
        self._prepare(clean=not self._keeps_session)
        self._client.loop_start()
        self._settled.wait(_SETTLE_SECONDS)
        self.check()

    def check(self) -> None:
        """Give up a connection that fell silent; to be called every few seconds.

        Raises the `BrokerError` that ended the connection for good, if one did.
        """
        if self._fatal is not None:
            self._client.loop_stop()
            raise self._fatal
        if self.connected:
            self._client.cut_if_silent()

    def wait_connected(self, timeout: float) -> bool:
        """Wait until the connection is up."""
        return self._connected.wait(timeout)

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, expiry: int | None = None, **user: str
    ) -> mqtt.MQTTMessageInfo:
        """Publish with QoS 1; `expiry` is in seconds. Raises `BrokerError` when it is larger than the broker takes."""
        most = self.largest_payload
        if most is not None and len(payload) > most:
            raise BrokerError(
                f"a message of {len(payload):,} bytes is over the broker's max_packet_size of "
                f"{self._max_packet_size:,}; raise it there"
            )
        return self._client.publish(topic, payload, qos=1, retain=retain, properties=publish_properties(expiry, user))

    def publish_confirmed(self, topic: str, payload: bytes, timeout: float, **options: Any) -> None:
        """Publish, and wait `timeout` seconds for the broker's acknowledgement. Raises `BrokerError` without one."""
        if not self.wait_connected(timeout):
            raise BrokerError("the MQTT broker can't be reached")
        info = self.publish(topic, payload, **options)
        try:
            info.wait_for_publish(timeout)
        except (RuntimeError, ValueError) as error:
            raise BrokerError(f"the message couldn't be published: {error}") from error
        if not info.is_published():
            self._client.cut()  # the broker may be gone
            raise BrokerError(f"the broker didn't acknowledge a message within {timeout:g} s")

    def ask_retained(self, filters: tuple[str, ...]) -> None:
        """Ask for what the broker retains under these filters: it is sent once, and nothing that comes later is."""
        self._incoming.ask_retained(filters)

    def acknowledge(self, message: IncomingMessage) -> None:
        """Tell the broker that a message is safe, unless its connection is gone."""
        if self.connected:
            self._incoming.acknowledge(message)

    def close(self) -> None:
        """Disconnect, without a will, and stop the thread."""
        self._client.disconnect()
        self._client.loop_stop()

    def _prepare(self, clean: bool) -> None:
        """Let paho's loop connect, as if for the first time."""
        self._client.connect_async(
            self._settings.mqtt_host,
            self._settings.mqtt_port,
            self._settings.mqtt_keepalive,
            clean_start=clean,
            properties=self._connect_properties,
        )

    def _broken(self) -> None:
        """In paho's thread: a packet couldn't be read, and a kept session would send it again."""
        self._connected.clear()
        self._prepare(clean=True)

    def _make_client(self, client_id: str, will: Will | None) -> LastingClient:
        client = make_client(self._settings, client_id, will)
        client.on_connect = self._connect_done
        client.on_connect_fail = self._connect_failed
        client.on_disconnect = self._disconnect_done
        client.on_broken = self._broken
        client.on_publish = self._published
        return client

    def _connect_done(
        self, client: mqtt.Client, _: object, flags: object, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._refused(reason)
            return
        self._max_packet_size = getattr(properties, "MaximumPacketSize", None)
        if self._forget_unsent:
            client.drop_out_messages()
        self._incoming.begin()
        self._connected.set()
        self.connections += 1
        self._settled.set()
        log.debug("connected", host=self._settings.mqtt_host, max_packet_size=self._max_packet_size)
        if self._on_connect is not None:
            self._on_connect()

    def _connect_failed(self, client: mqtt.Client, _: object) -> None:
        where = f"{self._settings.mqtt_host}:{self._settings.mqtt_port}"
        reason = sys.exc_info()[1]  # paho calls this while it handles the error, and doesn't pass it
        log.warning(f"no MQTT broker at {where}; trying again ({self._address_flag})", reason=str(reason))

    def _refused(self, reason: ReasonCode) -> None:
        if reason.value in (_BAD_CREDENTIALS, _NOT_AUTHORISED):
            user = self._settings.mqtt_username
            if user is None:
                self._fail(f"the broker refuses a client without a user name: {reason}; give mqtt_username")
            else:
                self._fail(f"the broker refuses user {user!r}: {reason}; check the user name and password file")
        else:
            log.warning("the broker refuses the connection; trying again", reason=str(reason))

    def _disconnect_done(
        self, client: mqtt.Client, _: object, flags: object, reason: ReasonCode, properties: Properties | None
    ) -> None:
        answered = self._connected.is_set()
        self._connected.clear()
        if reason.value == _TAKEN_OVER and self._yields:
            user = self._settings.mqtt_username
            self._fail(f"another client connected as {user!r} and took over: give each device its own id")
        elif reason.is_failure:
            log.warning("lost the MQTT connection; reconnecting", reason=str(reason))
            if not answered and self._settings.mqtt_ca_file is None and reason.value == _UNSPECIFIED:
                log.warning(f"the broker hung up before it answered: does it want TLS? ({self._ca_flag})")
            if reason.value == _PROTOCOL_ERROR:
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
        if self._on_published is not None:
            self._on_published(PublishResult(mid, reason.value != _NO_SUBSCRIBERS, reason.is_failure))
