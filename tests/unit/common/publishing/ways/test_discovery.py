"""What Home Assistant is told of a sensor is what it takes, whatever is in names and labels."""

import json
from typing import Any

import msgspec
import pytest
import yaml

from common.publishing.events import Event, plain
from common.publishing.ways.confirmation import Message
from common.publishing.ways.discovery import announcement, sensor_of, updates
from tests.docs.blocks import ROOT, page_blocks
from tests.unit.common.publishing.queues import LABEL, READING

AVAILABILITY = ["blindsight/console.1a2b3c4d/availability", "blindsight/cam-a/availability"]
HOSTILE = ["+/#", "../../config", "{{ states('lock.door') }}", '"}, {"', "Wärme 🔥", "\x00\n\t", "名前", " ", "a" * 64]


def config_of(event: Event, device_class: str = "") -> dict[str, Any]:
    found = json.loads(announcement(sensor_of(event, device_class), "homeassistant", AVAILABILITY).payload)
    assert isinstance(found, dict)
    return found


def test_a_reading_is_a_sensor_that_counts_up() -> None:
    message = announcement(sensor_of(READING), "homeassistant", AVAILABILITY)
    assert (message.topic, message.retain) == ("homeassistant/sensor/blindsight-cam-a/reading-water/config", True)
    config = config_of(READING)
    device = config.pop("device")
    assert (device["identifiers"], device["name"], device["manufacturer"]) == (
        ["blindsight-cam-a"],
        "cam-a",
        "Blindsight",
    )
    assert config.pop("origin")["name"] == "Blindsight"
    assert config == {
        "name": "water",
        "unique_id": "blindsight-cam-a-reading-water",
        "state_topic": "blindsight/cam-a/reading-water/state",
        "json_attributes_topic": "blindsight/cam-a/reading-water/attributes",
        "availability": [{"topic": topic} for topic in AVAILABILITY],
        "availability_mode": "all",
        "state_class": "total_increasing",
        "unit_of_measurement": "m³",
        "device_class": "water",
    }


def test_a_label_is_a_sensor_of_the_camera_without_a_unit() -> None:
    config = config_of(LABEL)
    assert (config["name"], config["unique_id"]) == ("Label", "blindsight-cam-a-label")
    assert not {"state_class", "unit_of_measurement", "device_class"} & config.keys()


@pytest.mark.parametrize(
    ("unit", "given", "shown", "device_class"),
    [
        ("m³", "", "m³", "water"),
        ("m3", "", "m³", "water"),
        ("m3", "gas", "m³", "gas"),
        ("l", "", "L", "water"),
        ("kWh", "", "kWh", "energy"),
        ("kwh", "", "kWh", "energy"),
        ("KWH", "", "kWh", "energy"),
        ("mwh", "", "MWh", "energy"),
        ("M3", "", "m³", "water"),
        ("Gal", "", "gal", "water"),
        ("mWh", "", "mWh", None),
        ("widgets", "", "widgets", None),
        ("", "", None, None),
    ],
)
def test_the_class_follows_from_the_unit_unless_the_region_file_says_it(
    unit: str, given: str, shown: str | None, device_class: str | None
) -> None:
    config = config_of(msgspec.structs.replace(READING, unit=unit), given)
    assert (config.get("unit_of_measurement"), config.get("device_class")) == (shown, device_class)


def test_an_uncertain_reading_leaves_the_state_and_says_why() -> None:
    sensor = sensor_of(READING)
    assert [message.topic for message in updates(sensor, READING)] == [
        "blindsight/cam-a/reading-water/attributes",
        "blindsight/cam-a/reading-water/state",
    ]
    uncertain = msgspec.structs.replace(READING, state="uncertain", value=None, why="glare")
    (attributes,) = updates(sensor, uncertain)
    assert attributes.topic.endswith("/attributes")
    assert json.loads(attributes.payload)["why"] == "glare"


#: The names that Home Assistant takes for no attributes: `MQTT_ATTRIBUTES_BLOCKED` of its component mqtt, and
#: `MQTT_SENSOR_ATTRIBUTES_BLOCKED` of the sensors there.
BLOCKED = {
    *("assumed_state", "available", "context_recent_time", "device_class", "device_info", "entity_category"),
    *("entity_picture", "entity_registry_enabled_default", "extra_state_attributes", "force_update", "icon", "name"),
    *("should_poll", "state", "supported_features", "unique_id", "unit_of_measurement", "last_reset", "state_class"),
}


@pytest.mark.parametrize("event", [LABEL, READING], ids=["label", "reading"])
def test_home_assistant_ignores_no_attribute(event: Event) -> None:
    attributes = json.loads(updates(sensor_of(event), event)[0].payload)
    assert not BLOCKED & attributes.keys()
    whole = json.loads(plain(event))
    assert attributes.get("reading_state") == whole.get("state")
    assert {name: attributes.get(name) for name in whole if name not in BLOCKED} == {
        name: value for name, value in whole.items() if name not in BLOCKED
    }


def test_no_lead_is_in_what_home_assistant_gets() -> None:
    assert all(b"lead" not in message.payload for message in updates(sensor_of(LABEL), LABEL))


def messages_of(event: Event) -> list[Message]:
    sensor = sensor_of(event)
    return [announcement(sensor, "homeassistant", AVAILABILITY), *updates(sensor, event)]


@pytest.mark.parametrize("text", [*HOSTILE, "seven" * 10_000])
def test_nothing_in_a_label_breaks_json_or_reaches_a_topic(text: str) -> None:
    config, attributes, state = messages_of(msgspec.structs.replace(LABEL, label=text))
    assert config == messages_of(LABEL)[0]
    assert json.loads(attributes.payload)["label"] == text
    assert (attributes.topic, state.topic) == (messages_of(LABEL)[1].topic, messages_of(LABEL)[2].topic)
    assert state.payload.decode() == text[:255]


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_in_the_name_of_a_reading_reaches_a_topic_or_an_identifier(name: str) -> None:
    for message in messages_of(msgspec.structs.replace(READING, name=name, unit=name)):
        assert message.topic.isascii() and message.topic.isprintable()
        assert not set("+#{ ") & set(message.topic) and ".." not in message.topic
    config = config_of(msgspec.structs.replace(READING, name=name))
    assert config["name"] == name
    assert not set('+#/{" ') & set(config["unique_id"])


def test_two_names_never_share_a_topic() -> None:
    names = [*HOSTILE, "a b", "a_b", "a/b", "a+b", "A b"]
    topics = {messages_of(msgspec.structs.replace(READING, name=name))[1].topic for name in names}
    assert len(topics) == len(names)


#: The fields of a sensor, of its device, its origin and its availability, as
#: https://www.home-assistant.io/integrations/sensor.mqtt/ names them.
SENSOR = {
    *("name", "unique_id", "state_topic", "json_attributes_topic", "availability", "availability_mode", "device"),
    *("origin", "state_class", "unit_of_measurement", "device_class"),
}
DEVICE = {"identifiers", "name", "manufacturer", "model", "sw_version"}
ORIGIN = {"name", "sw_version"}


def test_every_field_is_one_that_home_assistant_documents() -> None:
    config = config_of(READING)
    assert config.keys() <= SENSOR
    assert (config["device"].keys(), config["origin"].keys()) == (DEVICE, ORIGIN)
    assert all(each.keys() == {"topic"} for each in config["availability"])
    assert config["availability_mode"] in ("all", "any", "latest")


def test_the_sensor_that_the_page_makes_by_hand_is_the_one_that_is_announced() -> None:
    texts = [block.text for block in page_blocks(ROOT / "docs" / "publishing.md") if block.language == "yaml"]
    (by_hand,) = (found["mqtt"]["sensor"] for text in texts if "mqtt" in (found := yaml.safe_load(text)))
    reading = msgspec.structs.replace(READING, device="cam-08")
    announced = json.loads(announcement(sensor_of(reading), "", ["blindsight/cam-08/availability"]).payload)
    assert by_hand == [{name: announced[name] for name in announced if name not in ("device", "origin")}]
