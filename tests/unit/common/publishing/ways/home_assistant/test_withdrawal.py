"""Sensors that are no more are taken back from the broker, and nobody else's."""

import json
import subprocess

import msgspec
import pytest

from common.readings.meters import Meters
from common.readings.spec import Layout
from tests.integration.fleet import wait_for
from tests.unit.common.publishing.queues import LABEL, READING, Queue
from tests.unit.common.publishing.ways.home_assistant.home_broker import HomeBroker, subscriber
from tests.unit.common.publishing.ways.home_assistant.key_holder import WHEELS, publish, running

pytestmark = [pytest.mark.mosquitto]


def metering(*names: str) -> Meters:
    """What a key holder has whose device `cam-g` has readings of these names."""
    specs = tuple(msgspec.structs.replace(WHEELS, name=name) for name in names)
    return Meters(by_device={"cam-g": Layout(("d1", "d2", "lamp"), specs)})


GAS = msgspec.structs.replace(READING, device="cam-g", name="gas")
LAMP = msgspec.structs.replace(LABEL, device="cam-g", label="on", region="lamp")


def test_a_reading_that_was_renamed_or_removed_is_taken_back_at_the_next_start(
    queue: Queue, broker: HomeBroker
) -> None:
    others = {
        "homeassistant/sensor/blindsight-cam-g/reading-old/config": b'{"name": "somebody else\'s"}',
        "homeassistant/sensor/kitchen/config": b"{}",
    }
    for topic, payload in others.items():
        subprocess.run(
            ["mosquitto_pub", "-p", str(broker.port), "-r", "-t", topic, "-m", payload.decode()], check=True, timeout=30
        )
    with running(queue, broker, meters=metering("gas", "day")):
        publish(queue, GAS, msgspec.structs.replace(GAS, name="day"), LAMP)
    queue.add(GAS)  # a label may come before the reading gets its new name, and wait here until after that
    with running(queue, broker, meters=metering("day", "night")):
        publish(queue, msgspec.structs.replace(GAS, name="night"))
        with subscriber(broker.port) as seen:
            wait_for("the new name", lambda: "blindsight/cam-g/reading-night/state" in seen.found)
    configs = {
        topic: json.loads(payload)["name"]
        for topic, payload in seen.found.items()
        if "config" in topic and topic not in others
    }
    assert sorted(configs.values()) == ["day", "lamp", "night"]
    assert seen.has(others)
    assert not [topic for topic in seen.found if "reading-gas" in topic]
    assert "blindsight/cam-g/reading-day/state" in seen.found


def test_below_another_prefix_the_old_announcements_go_and_the_states_stay(queue: Queue, broker: HomeBroker) -> None:
    with running(queue, broker):
        publish(queue, LABEL)
    with running(queue, broker, publish_mqtt_prefix="ha"), subscriber(broker.port) as seen:
        publish(queue)
        wait_for("the withdrawal", lambda: queue.outgoing.announced.all() == [])
        wait_for("the state that stays", lambda: "blindsight/cam-a/label/state" in seen.found)
        publish(queue, LABEL)
    with subscriber(broker.port) as later:
        wait_for("the sensor", lambda: later.configs("ha"))
    assert later.configs() == {}
