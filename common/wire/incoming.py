"""What comes by an MQTT connection: its subscriptions, and their messages, acknowledged in the order of arrival."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import paho.mqtt.client as mqtt
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from common.logs import get_logger
from common.quoting import shown
from common.service.repeated import RepeatedLines

log = get_logger(__name__)


@dataclass(frozen=True)
class Received:
    """A message, and the connection that it came by."""

    topic: str
    payload: bytes
    mid: int
    qos: int
    connection: int
    retained: bool = False  # it was there before we asked


class Incoming:
    """The messages of one connection after another. An acknowledgement that belongs to an earlier one is dropped.

    MQTT wants acknowledgements in the order of arrival (and rumqttd cuts off who sends others), so one that comes
    early waits for those before it. `on_message` is called in paho's thread.
    """

    def __init__(
        self,
        client: mqtt.Client,
        subscriptions: list[tuple[str, int]],
        on_message: Callable[[Received], None] | None,
    ) -> None:
        self._client, self._subscriptions, self._on_message = client, subscriptions, on_message
        self._subscribing: set[int | None] = {None}  # subscriptions that the broker hasn't acknowledged
        self._connection = 0
        self._lock = threading.Lock()
        self._owed: deque[int] = deque()  # the present connection's messages that aren't acknowledged, as they came
        self._early: set[int] = set()  # those of them that may be
        self._rubbish = RepeatedLines()
        client.on_message, client.on_subscribe = self._message, self._subscribed

    def begin(self) -> None:
        """A connection is up: subscribe."""
        with self._lock:
            self._connection += 1
            self._owed.clear()
            self._early.clear()
        self._subscribing = {self._client.subscribe(topic, qos)[1] for topic, qos in self._subscriptions}

    @property
    def subscribed(self) -> bool:
        """Whether the broker has taken all subscriptions of this connection."""
        return not self._subscribing

    def ask_retained(self, filters: tuple[str, ...]) -> None:
        """Have what the broker retains under these filters sent once, and nothing that comes later."""
        self._client.subscribe([(topic, 1) for topic in filters])
        self._client.unsubscribe(list(filters))

    def acknowledge(self, message: Received) -> None:
        """Tell the broker that a message is safe, once it was told so of those before."""
        if not message.qos:
            return
        with self._lock:
            if message.connection != self._connection:
                return
            self._early.add(message.mid)
            while self._owed and self._owed[0] in self._early:
                mid = self._owed.popleft()
                self._early.discard(mid)
                self._client.ack(mid, message.qos)

    def _message(self, _client: mqtt.Client, _: object, message: mqtt.MQTTMessage) -> None:
        if message.qos:
            with self._lock:
                self._owed.append(message.mid)
        try:
            topic = message.topic
        except UnicodeDecodeError:
            self._rubbish.say(log.warning, "ignored a message whose topic is no text", "")
            self.acknowledge(Received("", b"", message.mid, message.qos, self._connection))
            return
        received = Received(topic, bytes(message.payload), message.mid, message.qos, self._connection, message.retain)
        if self._on_message is None:
            self.acknowledge(received)
            return
        try:
            self._on_message(received)
        except Exception:  # paho's thread must survive whatever a message holds
            self._rubbish.say(log.error, "a message could not be handled", "", topic=shown(topic), exc_info=True)
            self.acknowledge(received)

    def _subscribed(
        self, _client: mqtt.Client, _: object, mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        for reason in reasons:
            if reason.is_failure:
                log.warning("the broker refuses a subscription", reason=str(reason))
        self._subscribing.discard(mid)
