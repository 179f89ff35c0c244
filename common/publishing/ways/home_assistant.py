"""The way to Home Assistant: sensors on a broker of the user's own, which appear by themselves (MQTT discovery).

The broker gets plain labels and readings, so it must be one that the key holder's owner trusts, and not the fleet's.
What stands on it is retained: Home Assistant finds everything there after a restart of its own. After a restart of the
broker, which may have forgotten all, everything is published again.
"""

import contextlib
import threading
from collections.abc import Iterable, Sequence

from pydantic import SecretStr

from common.errors import BrokerError
from common.logs import get_logger
from common.publishing.announced import Announced, Announcement
from common.publishing.events import Event, FrameLabel, decode_event
from common.publishing.outgoing import Target
from common.publishing.settings import PublishingSettings
from common.publishing.ways.confirmation import Confirmation, Message
from common.publishing.ways.discovery import (
    OFFLINE,
    ONLINE,
    Sensor,
    announcement,
    availability_topic,
    label_level,
    reading_level,
    sensor_of,
    updates,
    withdrawal,
)
from common.publishing.ways.way import Way
from common.readings.meters import Meters
from common.service.settings import ServiceSettings, read_secret
from common.wire.connection import MqttConnection
from common.wire.paho_client import Will, check_tls

#: The advice about a topic that the broker refuses.
_ALLOWED = "allow the user of publish_mqtt to write blindsight/# and what is below publish_mqtt_prefix"
#: Seconds that the last message waits for the broker's acknowledgement.
_GOODBYE_SECONDS = 2.0

log = get_logger(__name__)


class HomeAssistantWay(Way):
    """Shows events as sensors of Home Assistant.

    `name` is the device's id, or another name of the console that no device has. `meters` tells what readings meter,
    and whose labels are no sensors: those of wheels, which say nothing that their reading doesn't say better.
    """

    target: Target = "mqtt"
    batch = 100
    longest_pause = 15.0  # an attempt without a connection costs nothing

    def __init__(self, settings: PublishingSettings, name: str, meters: Meters, announced: Announced) -> None:
        self._name, self._prefix, self._meters = name, settings.publish_mqtt_prefix, meters
        self._announced = announced
        self._gone: set[Announcement] | None = None  # what was taken back; None before that
        self._broker = broker_settings(settings)
        self._confirmation = Confirmation()
        self._mqtt: MqttConnection | None = None
        self._lock = threading.Lock()  # of what is shown, which paho's thread and the key holder's read, too
        here = Message(availability_topic(name), ONLINE, retain=True)
        self._shown: dict[str, Message] = {here.topic: here}

    def keep_up(self) -> None:
        """Connect, where that isn't done or the broker ended it. Raises `BrokerError` without a connection."""
        try:
            if self._mqtt is None:
                self._mqtt = self._connection()
                self._mqtt.connect()
            self._mqtt.check()
        except BrokerError as error:  # it is over for good, and another attempt needs another one
            self._disconnect()
            raise BrokerError(f"publish_mqtt: {error}") from error
        if not self._mqtt.connected:
            raise BrokerError(f"publish_mqtt: the broker {self._broker.mqtt_host} isn't connected")
        if self._gone is None:
            self._take_back(self._mqtt)

    def send(self, bodies: Sequence[bytes]) -> None:
        """Show events; of several of one sensor the last one. Raises `BrokerError`, and `WireError` for no event."""
        assert self._mqtt is not None, "keep_up comes first"
        messages: dict[str, Message] = {}
        places: set[Announcement] = set()
        for body in bodies:
            event = decode_event(body)
            sensor = self._sensor(event)
            if sensor is None or (place := self._place(sensor)) in (self._gone or ()):
                continue
            places.add(place)
            there = dict.fromkeys((availability_topic(self._name), availability_topic(sensor.device)))
            for message in (announcement(sensor, self._prefix, [*there]), *updates(sensor, event)):
                messages[message.topic] = message
        self._announced.add(places)
        with self._lock:  # first, so that a new connection in between can't bring back what was there before
            new = [message for topic, message in messages.items() if self._shown.get(topic) != message]
            self._shown |= messages
        try:
            self._confirmation.publish(self._mqtt, new, _ALLOWED)
        except BrokerError:
            with self._lock:
                for message in new:  # to be published again
                    self._shown.pop(message.topic, None)
            raise

    def device_status(self, device: str, online: bool) -> None:
        """Show whether a device is there, from any thread; at once if the broker is connected, or else once it is."""
        message = Message(availability_topic(device), ONLINE if online else OFFLINE, retain=True)
        with self._lock:
            if self._shown.get(message.topic) != message:
                self._shown[message.topic] = message
                self._publish([message])

    def close(self) -> None:
        """Say that the key holder is offline, and disconnect."""
        if self._mqtt is not None and self._mqtt.connected:
            with contextlib.suppress(BrokerError):  # then the last will says it
                topic = availability_topic(self._name)
                self._mqtt.publish_confirmed(topic, OFFLINE, _GOODBYE_SECONDS, retain=True)
        self._disconnect()

    def _sensor(self, event: Event) -> Sensor | None:
        """The sensor of an event; None for a wheel's label."""
        if not isinstance(event, FrameLabel):
            return sensor_of(event, self._meters.device_class(event.device, event.name))
        return None if self._meters.is_wheel(event.device, event.region) else sensor_of(event)

    def _place(self, sensor: Sensor) -> Announcement:
        return Announcement(self._prefix, sensor.device, sensor.level)

    def _take_back(self, connection: MqttConnection) -> None:
        """Take back the sensors that this key holder announced and has no more; once, since its meters stay."""
        self._gone = {each for each in self._announced.all() if each.prefix != self._prefix or not self._shows(each)}
        if not self._gone:
            return
        try:
            messages = [message for each in sorted(self._gone) for message in withdrawal(each, self._shows(each))]
            self._confirmation.publish(connection, messages, _ALLOWED)
            self._announced.remove(self._gone)
        except BrokerError as error:  # no reason to show nothing
            log.warning("old sensors weren't taken back; trying again at the next start", reason=str(error))
        else:
            log.info("old sensors were taken back", number=len(self._gone))

    def _shows(self, place: Announcement) -> bool:
        """Whether its key holder has a sensor still, whatever the prefix below which it was announced."""
        readings, regions = self._meters.readings(place.device), self._meters.labelled(place.device)
        return place.level in (*map(reading_level, readings), *map(label_level, regions))

    def _connection(self) -> MqttConnection:
        return MqttConnection(
            self._broker,
            f"blindsight-{self._name}",
            on_connect=self._connected,
            on_published=self._confirmation.published,
            will=Will(availability_topic(self._name), OFFLINE),
            forget_unsent=True,
            address_flag="--publish-mqtt",
            ca_flag="--publish-mqtt-ca-file",
        )

    def _connected(self) -> None:
        """In paho's thread: show everything, which the broker may have forgotten."""
        with self._lock:
            self._publish(self._shown.values())

    def _publish(self, messages: Iterable[Message]) -> None:
        """Publish without waiting for the broker. What is lost is published again after the next connection."""
        if self._mqtt is None or not self._mqtt.connected:
            return
        for message in messages:
            with contextlib.suppress(BrokerError, ValueError):  # one that is too large was refused by `send`, too
                self._mqtt.publish(message.topic, message.payload, retain=True)

    def _disconnect(self) -> None:
        if self._mqtt is not None:
            self._mqtt.close()
            self._mqtt = None


def broker_settings(settings: PublishingSettings) -> ServiceSettings:
    """The connection to the broker of `publish_mqtt`. Raises `ConfigurationError` for files that can't be used."""
    url = settings.publish_mqtt_url()
    assert url is not None, "publish_mqtt is set"
    password = read_secret(settings.publish_mqtt_password_file, None, "publish_mqtt_password_file")
    made = ServiceSettings.model_construct(
        mqtt_host=url.host,
        mqtt_port=url.port,
        mqtt_username=url.user,
        mqtt_password=None if password is None else SecretStr(password),
        mqtt_ca_file=settings.publish_mqtt_ca_file,
    )
    check_tls(made)
    return made
