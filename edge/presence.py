"""A device's retained status: online with its counters, offline by its last will."""

import secrets
import time
from typing import Literal

from common.errors import BrokerError
from common.logs import get_logger
from common.plan.plan import PlanHead
from common.wire import topics
from common.wire.connection import MqttConnection
from common.wire.paho_client import Will
from common.wire.status import LastParked, Status, encode_status
from edge import clock
from edge.camera.pulse import CameraPulse
from edge.outbox.outbox import Outbox

#: Seconds between two statuses, at least.
_INTERVAL = 5.0
#: Seconds that the last status waits for the broker's acknowledgement.
_GOODBYE_SECONDS = 2.0
#: Characters of the model's name in the status, at most.
_NAME_CHARACTERS = 100
#: Seconds of a connection that counts as short, at most.
_SHORT_SECONDS = 10.0
#: The number of short connections, one after another, that is worth a warning.
_OFTEN = 3

log = get_logger(__name__)


class Presence:
    """Publishes the status when it has changed, and notices a second device of the same id."""

    def __init__(
        self,
        device: str,
        head: PlanHead,
        key_set: str,
        outbox: Outbox,
        pulse: CameraPulse | None = None,
        keeps_frames: bool = False,
    ) -> None:
        self._device, self._head, self._key_set, self._outbox = device, head, key_set, outbox
        self._pulse, self._keeps_frames = pulse, keeps_frames
        self._topic = topics.status(device)
        self._instance, self._started_at = secrets.token_hex(8), time.time()
        self._returned = self._warned = False
        self._renewed_at, self._short = 0.0, 0
        self._published, self._published_at = b"", 0.0

    def will(self) -> Will:
        """What the broker publishes when the device disappears."""
        return Will(self._topic, self._encode("offline"))

    def renew(self) -> None:
        """Have the next `publish` publish anew: after a reconnection the broker may have published the will.

        Warns where connections are cut again and again: another client may have our id. If it publishes no status, as
        `mosquitto_sub` with our password, Mosquitto 2.0.11 gives us no other sign of it.
        """
        self._published, self._published_at = b"", 0.0
        now = time.monotonic()
        self._short = self._short + 1 if now - self._renewed_at < _SHORT_SECONDS else 0
        self._renewed_at = now
        if self._short == _OFTEN:
            log.warning(
                "the connection was cut again and again; does another client use this device's id and password?",
                device=self._device,
            )

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
        """Publish that the device is offline, before a clean end; nothing if it never was online."""
        if connection.connections == 0:
            return
        try:
            connection.publish_confirmed(self._topic, self._encode("offline"), _GOODBYE_SECONDS, retain=True)
        except BrokerError:
            log.debug("the broker is gone; its own last will says offline")

    def take(self, status: Status) -> None:
        """Take a status under our id: our own, that of an earlier run, or that of a second device.

        The broker cuts the earlier of two connections of one id, and both devices would reconnect and cut each other
        for ever. So the device that was started first gives way: it gets `BrokerError` here, and the other one warns.
        The status of an earlier run comes before our own, and that of a second device after it.
        """
        if status.instance == self._instance:
            self._returned = True
        elif self._returned and status.started_at > self._started_at:
            raise BrokerError(f"another device is online as {self._device!r}; give each device its own id")
        elif self._returned and not self._warned:
            self._warned = True
            log.warning(
                "another device was online under this id, and gives way; give each device its own id",
                device=self._device,
            )

    def _encode(self, state: Literal["online", "offline"]) -> bytes:
        counts, oldest = self._outbox.counts(), self._outbox.oldest_captured_at()
        last = self._outbox.last_parked() if counts.parked else None
        no_picture_since = self._pulse.overdue_since() if self._pulse is not None and state == "online" else None
        return encode_status(
            Status(
                state=state,
                instance=self._instance,
                started_at=self._started_at,
                model=self._head.model[:_NAME_CHARACTERS],
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
                no_picture_since=round(no_picture_since or 0.0, 1),
                keeps_frames=self._keeps_frames,
                last_parked=None if last is None else LastParked(*last),
            )
        )
