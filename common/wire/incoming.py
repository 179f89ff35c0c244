"""The messages that come by an MQTT connection: subscribed to, and acknowledged in the order of their arrival."""

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
class IncomingMessage:
    """A message, and the number of the connection that it came by."""

    topic: str
    payload: bytes
    mid: int
    qos: int
    connection: int
    retained: bool = False  # the broker had it before we subscribed


class Incoming:
    """The messages of one connection after another.

    MQTT demands that messages are acknowledged in the order of their arrival, and rumqttd cuts off a client that does
    otherwise. So an acknowledgement that comes early waits for those of the messages before. One that belongs to
    an earlier connection is dropped. `on_message` is called in paho's thread.
    """

    def __init__(
        self,
        client: mqtt.Client,
        subscriptions: list[tuple[str, int]],
        on_message: Callable[[IncomingMessage], None] | None,
    ) -> None:
        self._client, self._subscriptions, self._on_message = client, subscriptions, on_message
        self._subscribing: set[int | None] = {None}  # ids of subscriptions that the broker hasn't acknowledged
        self._connection = 0
        self._lock = threading.Lock()
        self._owed: deque[int] = deque()  # ids of messages of this connection that aren't acknowledged, as they came
        self._early: set[int] = set()  # ids of those that may be acknowledged once the earlier ones are
        self._rubbish = RepeatedLines()
        client.on_message, client.on_subscribe = self._message, self._subscribed

    def begin(self) -> None:
        """Subscribe, now that a connection is up."""
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
        """Ask for what the broker retains under these filters: it is sent once, and nothing that comes later is."""
        self._client.subscribe([(topic, 1) for topic in filters])
        self._client.unsubscribe(list(filters))

    def acknowledge(self, message: IncomingMessage) -> None:
        """Tell the broker that a message is safe, as soon as all earlier ones are."""
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
            self.acknowledge(IncomingMessage("", b"", message.mid, message.qos, self._connection))
            return
        received = IncomingMessage(
            topic, bytes(message.payload), message.mid, message.qos, self._connection, message.retain
        )
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
