"""Home Assistant itself, with its integration MQTT, takes what is published.

These tests run where BLINDSIGHT_TEST_HOME_ASSISTANT names a Python with these packages:

    pip install homeassistant==2024.3.3 paho-mqtt==1.6.1 janus pillow aiohttp_cors
"""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest

from common.publishing import forwarder
from common.publishing.events import Event
from tests.integration.fleet import wait_for
from tests.unit.common.publishing.queues import LABEL, READING, opened
from tests.unit.common.publishing.ways.home_assistant.home_broker import HomeBroker, home_broker
from tests.unit.common.publishing.ways.home_assistant.key_holder import publish, running
from tests.unit.common.publishing.ways.test_discovery import HOSTILE, config_of

PYTHON = os.environ.get("BLINDSIGHT_TEST_HOME_ASSISTANT")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.mosquitto,
    pytest.mark.skipif(PYTHON is None, reason="BLINDSIGHT_TEST_HOME_ASSISTANT names no Python with Home Assistant"),
]

#: A program that checks each line of its input as Home Assistant does an announcement.
CHECK = """
import json, sys
from homeassistant.components.mqtt.sensor import DISCOVERY_SCHEMA
for line in sys.stdin:
    config = json.loads(line)
    taken = DISCOVERY_SCHEMA(config)
    assert config.keys() <= taken.keys(), config.keys() - taken.keys()  # what it doesn't know it leaves out
"""


def test_its_schema_takes_every_sensor() -> None:
    units = ("m³", "m3", "L", "l", "gal", "ft³", "kWh", "Wh", "MWh", "GJ", "", "widgets")
    events: list[Event] = [LABEL]
    events += [
        msgspec.structs.replace(READING, name=name, unit=unit) for name, unit in product(("water", *HOSTILE), units)
    ]
    lines = "".join(json.dumps(config_of(event)) + "\n" for event in events)
    assert PYTHON is not None
    done = subprocess.run([PYTHON, "-c", CHECK], input=lines, text=True, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


#: A program that runs Home Assistant and its integration MQTT without a web page, and writes its sensors to a file.
RUN = """
import asyncio, json, sys
from pathlib import Path
from unittest.mock import MagicMock
from homeassistant import bootstrap, loader
from homeassistant.config_entries import ConfigEntries
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
folder = Path(sys.argv[1])
async def main():
    home = HomeAssistant(str(folder))
    loader.async_setup(home)
    home.config_entries = ConfigEntries(home, {})
    await bootstrap.async_load_base_functionality(home)
    home.http = MagicMock()
    home.config.components |= {"http", "file_upload"}
    assert await async_setup_component(home, "mqtt", {})
    await home.async_start()
    while True:
        await asyncio.sleep(0.2)
        sensors = {each.entity_id: [each.state, dict(each.attributes)] for each in home.states.async_all("sensor")}
        (folder / "new").write_text(json.dumps(sensors, default=str))
        (folder / "new").rename(folder / "sensors")
asyncio.run(main())
"""


def entry(port: int) -> dict[str, Any]:
    """The integration MQTT as Home Assistant keeps it, once a user has added it."""
    broker = {"broker": "127.0.0.1", "port": port, "discovery": True, "discovery_prefix": "homeassistant"}
    kept = {"entry_id": "0" * 32, "version": 1, "minor_version": 1, "domain": "mqtt", "title": "broker"}
    flags = {"pref_disable_new_entities": False, "pref_disable_polling": False, "source": "user"}
    return {**kept, "data": broker, "options": {}, **flags, "unique_id": None, "disabled_by": None}


class Home:
    """A running Home Assistant."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def sensors(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """Its sensors, by entity id: state and attributes."""
        path = self._folder / "sensors"
        return json.loads(path.read_text()) if path.exists() else {}

    def state(self, sensor: str) -> str | None:
        return self.sensors().get(sensor, (None, {}))[0]


@contextmanager
def home_assistant(folder: Path, broker: HomeBroker) -> Iterator[Home]:
    (folder / ".storage").mkdir(parents=True)
    stored = {"version": 1, "minor_version": 1, "key": "core.config_entries", "data": {"entries": [entry(broker.port)]}}
    (folder / ".storage" / "core.config_entries").write_text(json.dumps(stored))
    (folder / "configuration.yaml").write_text("homeassistant:\n  name: Home\n")
    assert PYTHON is not None
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([PYTHON, "-c", RUN, str(folder)], stdout=log, stderr=log)
    try:
        yield Home(folder)
    finally:
        process.kill()
        process.wait()


def test_sensors_appear_change_and_become_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarder, "_LOOK_SECONDS", 0.05)  # nobody wakes the forwarder
    with (
        opened(tmp_path / "queue.sqlite", "mqtt") as queue,
        home_broker(tmp_path / "broker") as broker,
        home_assistant(tmp_path / "home", broker) as home,
    ):
        queue.add(msgspec.structs.replace(LABEL, label="seven"), READING)
        with running(queue, broker):
            publish(queue, msgspec.structs.replace(READING, name="Strom 🔌", unit="kWh", value="77"))
            wait_for("the sensors", lambda: len(home.sensors()) == 3)
            wait_for("the state", lambda: home.state("sensor.cam_a_water") == "1234.5")
            wait_for("the label", lambda: home.state("sensor.cam_a_label") == "seven")
            wait_for("the other", lambda: home.state("sensor.cam_a_strom") == "77")
            publish(queue, msgspec.structs.replace(READING, state="uncertain", value=None, why="glare"))
            wait_for("why", lambda: home.sensors()["sensor.cam_a_water"][1].get("why") == "glare")
            state, attributes = home.sensors()["sensor.cam_a_water"]
            assert (state, attributes["reading_state"]) == ("1234.5", "uncertain")
            assert (attributes["state_class"], attributes["device_class"]) == ("total_increasing", "water")
            assert (attributes["unit_of_measurement"], attributes["friendly_name"]) == ("m³", "cam-a water")
        wait_for("unavailable", lambda: home.state("sensor.cam_a_water") == "unavailable")
