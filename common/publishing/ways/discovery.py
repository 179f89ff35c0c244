"""What Home Assistant is told about a sensor, so that it makes one by itself: MQTT discovery.

The fields are those of https://www.home-assistant.io/integrations/sensor.mqtt/, announced one sensor at a time as
https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery says ("single component"): all versions know that form,
and a sensor that is announced later touches no other. Nothing in it is a template, so no text of ours is ever run.

    <prefix>/sensor/blindsight-<device>/<sensor>/config   the announcement, retained
    blindsight/<device>/<sensor>/state                    a reading's value, or the label, retained
    blindsight/<device>/<sensor>/attributes               JSON: all that is said of it, retained
    blindsight/<name>/availability                        online or offline, of a device or of the console, retained
"""

import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from common.installed import blindsight_version
from common.publishing.announced import Announcement
from common.publishing.events import Event, FrameLabel, plain
from common.publishing.ways.confirmation import Message
from common.readings.units import metered_in, unit_name

ONLINE, OFFLINE = b"online", b"offline"

#: Characters of a state in Home Assistant, at most.
_STATE_CHARACTERS = 255
#: The characters of a topic's level, and of an identifier, that are kept as they are.
_KEPT = re.compile(r"[^A-Za-z0-9_-]")


class Sensor(NamedTuple):
    """A sensor of a camera device: its level in topics, its name, and its unit and class if it is a reading's."""

    device: str
    level: str
    name: str
    is_reading: bool
    unit: str = ""
    device_class: str = ""


def sensor_of(event: Event, device_class: str = "") -> Sensor:
    """The sensor to which an event belongs. `device_class` is what the unit doesn't tell."""
    if isinstance(event, FrameLabel):
        if event.region:
            return Sensor(event.device, label_level(event.region), event.region, is_reading=False)
        return Sensor(event.device, label_level(""), "Label", is_reading=False)
    return Sensor(
        event.device,
        reading_level(event.name),
        event.name,
        is_reading=True,
        unit=unit_name(event.unit),
        device_class=device_class or metered_in(event.unit),
    )


def announcement(sensor: Sensor, prefix: str, availability: Sequence[str]) -> Message:
    """The message that makes a sensor; it is available while all topics of `availability` say so."""
    node = f"blindsight-{sensor.device}"
    version = blindsight_version()
    config: dict[str, object] = {
        "name": sensor.name,
        "unique_id": f"{node}-{sensor.level}",
        "state_topic": state_topic(sensor),
        "json_attributes_topic": attributes_topic(sensor),
        "availability": [{"topic": topic} for topic in availability],
        "availability_mode": "all",
        "device": {
            "identifiers": [node],
            "name": sensor.device,
            "manufacturer": "Blindsight",
            "model": "encrypted camera",
            "sw_version": version,
        },
        "origin": {"name": "Blindsight", "sw_version": version},
    }
    if sensor.is_reading:
        config["state_class"] = "total_increasing"
    if sensor.unit:
        config["unit_of_measurement"] = sensor.unit
    if sensor.device_class:
        config["device_class"] = sensor.device_class
    return Message(announcement_topic(sensor, prefix), msgspec.json.encode(config), retain=True)


def updates(sensor: Sensor, event: Event) -> list[Message]:
    """The messages that show an event. One without a value leaves the state, and tells why in the attributes."""
    messages = [Message(attributes_topic(sensor), _attributes(event), retain=True)]
    state = event.label[:_STATE_CHARACTERS] if isinstance(event, FrameLabel) else event.value
    if state is not None:
        messages.append(Message(state_topic(sensor), state.encode(), retain=True))
    return messages


def withdrawal(where: Announcement, is_shown: bool) -> list[Message]:
    """The messages that take an announcement back, and what the sensor shows unless it is announced elsewhere, too.

    An empty message, retained, deletes the one that was retained.
    """
    sensor = Sensor(where.device, where.level, "", is_reading=False)
    states = [] if is_shown else [attributes_topic(sensor), state_topic(sensor)]
    topics = [announcement_topic(sensor, where.prefix), *states]
    return [Message(topic, b"", retain=True) for topic in topics]


def _attributes(event: Event) -> bytes:
    """An event as JSON, by names that Home Assistant takes for attributes: it ignores `name` and `state`."""
    fields: dict[str, object] = msgspec.json.decode(plain(event))
    fields.pop("name", None)
    if "state" in fields:
        fields["reading_state"] = fields.pop("state")
    return msgspec.json.encode(fields)


def announcement_topic(sensor: Sensor, prefix: str) -> str:
    """Where a sensor is announced."""
    return f"{prefix}/sensor/blindsight-{sensor.device}/{sensor.level}/config"


def state_topic(sensor: Sensor) -> str:
    """Where a sensor's state stands."""
    return f"blindsight/{sensor.device}/{sensor.level}/state"


def attributes_topic(sensor: Sensor) -> str:
    """Where the rest of what a sensor's last event says stands."""
    return f"blindsight/{sensor.device}/{sensor.level}/attributes"


def availability_topic(name: str) -> str:
    """Where it stands whether a device or console is there."""
    return f"blindsight/{name}/availability"


def label_level(region: str) -> str:
    """The level of the sensor that shows a region's labels, or those of whole pictures where it is empty."""
    return f"label-{_level(region)}" if region else "label"


def reading_level(name: str) -> str:
    """The level of the sensor that shows a reading."""
    return f"reading-{_level(name)}"


def _level(name: str) -> str:
    """A name of any characters as a level of a topic; different names give different levels."""
    level = _KEPT.sub("_", name)
    return level if level == name else f"{level}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
