"""A device's retained status: online with its counters, offline by its last will."""

import secrets
import time
from typing import Literal

import structlog

from common import clock, messages, topics
from common.errors import BrokerError
from common.messages import LastParked, Status
from common.mqtt import MqttConnection
from common.mqtt_client import Will
from common.plan import PlanHead
from edge.outbox import Outbox

_INTERVAL = 5.0
_GOODBYE_TIMEOUT = 2.0
#: Characters of the model's name that go into the status.
_MODEL_NAME = 100

log = structlog.get_logger()


class Presence:
    """Publishes the status when it has changed, and notices a second device of the same id."""

    def __init__(self, device: str, head: PlanHead, key_set: str, outbox: Outbox) -> None:
        self._device, self._head, self._key_set, self._outbox = device, head, key_set, outbox
        self._topic = topics.status(device)
        self._instance, self._started_at = secrets.token_hex(8), time.time()
        self._returned = False
        self._published, self._published_at = b"", 0.0

    def will(self) -> Will:
        """What the broker publishes when the device disappears."""
        return Will(self._topic, self._encode("offline"))

    def renew(self) -> None:
        """Publish anew at the next `publish`: after a reconnection the broker may have sent the will."""
        self._published, self._published_at = b"", 0.0

    def publish(self, connection: MqttConnection) -> None:
        """Publish the status if it has changed, every few seconds at most."""
        if not connection.connected or time.monotonic() - self._published_at < _INTERVAL:
            return
        status = self._encode("online")
        self._published_at = time.monotonic()
        if status != self._published:
            connection.publish(self._topic, status, retain=True)
            self._published = status

    def say_goodbye(self, connection: MqttConnection) -> None:
        """Publish that the device is offline, before a clean end."""
        try:
            connection.publish_confirmed(self._topic, self._encode("offline"), _GOODBYE_TIMEOUT, retain=True)
        except BrokerError:
            log.debug("the broker is gone; its own last will says offline")

    def take(self, status: Status) -> None:
        """Our own status comes back; a younger one after it is that of a second device of our id.

        Mosquitto 2.0 cuts the earlier of two connections without a word, and each would
        reconnect and cut the other for ever: so the older device gives way. What an earlier run
        left comes before our own. Raises `BrokerError`.
        """
        if status.instance == self._instance:
            self._returned = True
        elif self._returned and status.started_at > self._started_at:
            raise BrokerError(f"another device is online as {self._device!r}; give each device its own id")

    def _encode(self, state: Literal["online", "offline"]) -> bytes:
        counts, oldest = self._outbox.counts(), self._outbox.oldest_captured_at()
        last = self._outbox.last_parked() if counts.parked else None
        return messages.encode_status(
            Status(
                state=state,
                instance=self._instance,
                started_at=self._started_at,
                model=self._head.model[:_MODEL_NAME],
                plan=self._head.hash,
                key_set=self._key_set,
                accepted=counts.accepted,
                answered=counts.answered,
                parked=counts.parked,
                dropped=counts.dropped,
                pending=counts.pending,
                alarms=counts.alarms,
                oldest_pending_s=0.0 if oldest is None else round(max(clock.now() - oldest, 0.0), 1),
                outbox_bytes=counts.bytes,
                parked_by_reason=self._outbox.parked_by_reason() if counts.parked else {},
                last_parked=None if last is None else LastParked(*last),
            )
        )
