"""Home Assistant finds sensors and their states on the user's broker."""

import json

import msgspec
import pytest

from tests.integration.fleet import wait_for
from tests.unit.common.publishing.queues import LABEL, READING, Queue
from tests.unit.common.publishing.ways.home_assistant.home_broker import HomeBroker, subscriber
from tests.unit.common.publishing.ways.home_assistant.key_holder import SEVEN, publish, running

pytestmark = [pytest.mark.mosquitto]


def test_sensors_states_and_availability_are_retained(queue: Queue, broker: HomeBroker) -> None:
    queue.add(SEVEN, READING)
    with running(queue, broker):
        publish(queue)
        with subscriber(broker.port) as seen:  # Home Assistant comes later
            wait_for("the states", lambda: len(seen.found) == 7)
        assert {config["unique_id"] for config in seen.configs().values()} == {
            "blindsight-cam-a-label",
            "blindsight-cam-a-reading-water",
        }
        for config in seen.configs().values():
            assert [seen.found[each["topic"]] for each in config["availability"]] == [b"online"]
            assert json.loads(seen.found[config["json_attributes_topic"]])["device"] == "cam-a"
        states = {config["name"]: seen.found[config["state_topic"]] for config in seen.configs().values()}
        assert states == {"Label": b"seven", "water": b"1234.5"}


def test_an_uncertain_reading_does_not_overwrite_the_state(queue: Queue, broker: HomeBroker) -> None:
    with running(queue, broker):
        publish(queue, READING)
        publish(queue, msgspec.structs.replace(READING, state="uncertain", value=None, why="glare"))
        with subscriber(broker.port) as seen:
            wait_for("the states", lambda: len(seen.found) == 4)
        assert seen.found["blindsight/cam-a/reading-water/state"] == b"1234.5"
        assert json.loads(seen.found["blindsight/cam-a/reading-water/attributes"])["why"] == "glare"


def test_a_meter_is_one_sensor_and_other_regions_have_their_own(queue: Queue, broker: HomeBroker) -> None:
    labels = [
        msgspec.structs.replace(LABEL, device="cam-g", label=label, region=region)
        for region, label in (("d1", "4"), ("d2", "between"), ("lamp", "on"))
    ]
    with running(queue, broker), subscriber(broker.port) as seen:
        publish(queue, *labels, msgspec.structs.replace(READING, device="cam-g", name="gas"))
        wait_for("the sensors", lambda: len(seen.configs()) == 2)
        classes = {config["name"]: config.get("device_class") for config in seen.configs().values()}
        assert classes == {"lamp": None, "gas": "gas"}
        wait_for("the lamp", lambda: seen.has({"blindsight/cam-g/label-lamp/state": b"on"}))


def test_of_many_events_of_a_sensor_that_waited_the_last_one_stands_there(queue: Queue, broker: HomeBroker) -> None:
    queue.add(*(msgspec.structs.replace(READING, value=str(value)) for value in range(1000, 1250)))
    with subscriber(broker.port) as seen, running(queue, broker):
        publish(queue)
        wait_for("the last state", lambda: seen.found.get("blindsight/cam-a/reading-water/state") == b"1249")
        states = [payload for topic, payload in seen.history if topic.endswith("reading-water/state")]
    assert states == [b"1099", b"1199", b"1249"]  # of each hundred that is sent at once


def test_the_discovery_prefix_can_be_another_one(queue: Queue, broker: HomeBroker) -> None:
    with running(queue, broker, publish_mqtt_prefix="house/ha"), subscriber(broker.port) as seen:
        publish(queue, READING)
        wait_for("the sensor", lambda: seen.configs("house/ha"))
        assert seen.configs() == {}
