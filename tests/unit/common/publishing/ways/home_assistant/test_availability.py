"""Home Assistant knows who is there, whoever of the three dies and comes back."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from common.publishing import forwarder
from common.publishing.forwarder import Forwarder
from common.publishing.metrics import ForwardMetrics
from common.publishing.ways.home_assistant import HomeAssistantWay
from tests.integration.fleet import wait_for
from tests.unit.common.publishing.queues import READING, Queue
from tests.unit.common.publishing.ways.home_assistant.home_broker import HomeBroker, subscriber
from tests.unit.common.publishing.ways.home_assistant.key_holder import METERS, SEVEN, publish, running, settings

pytestmark = [pytest.mark.mosquitto]

ROOT = Path(__file__).parents[6]


def test_a_clean_end_says_offline(queue: Queue, broker: HomeBroker) -> None:
    there = "blindsight/cam-a/availability"
    with subscriber(broker.port) as seen:
        with running(queue, broker):
            wait_for("online", lambda: seen.found.get(there) == b"online")  # though nothing was published yet
        wait_for("offline", lambda: seen.found.get(there) == b"offline")
        with running(queue, broker):
            wait_for("online again", lambda: seen.found.get(there) == b"online")


#: A device that publishes a label and lives until it is killed.
DEVICE = """
import sys, time
from pathlib import Path
from prometheus_client import CollectorRegistry
from common.publishing.forwarder import Forwarder
from common.publishing.ways.home_assistant import HomeAssistantWay
from common.publishing.metrics import ForwardMetrics
from common.readings.meters import Meters
from tests.unit.common.publishing.queues import LABEL, Queue
from common.publishing.settings import PublishingSettings
queue = Queue(Path(sys.argv[2]), ["mqtt"])
way = HomeAssistantWay(PublishingSettings(publish_mqtt=sys.argv[1]), "cam-a", Meters(), queue.outgoing.announced)
Forwarder(queue.outgoing, way, ForwardMetrics(CollectorRegistry()))
queue.add(LABEL)
time.sleep(600)
"""


@pytest.mark.slow
def test_a_device_that_is_killed_is_unavailable_at_once(broker: HomeBroker, tmp_path: Path) -> None:
    there = "blindsight/cam-a/availability"
    command = [sys.executable, "-c", DEVICE, broker.url, str(tmp_path / "queue")]
    with subscriber(broker.port) as seen:
        device = subprocess.Popen(command, cwd=ROOT, env=os.environ)
        wait_for("online", lambda: seen.found.get(there) == b"online")
        device.send_signal(signal.SIGKILL)
        device.wait()
        wait_for("offline, by the last will", lambda: seen.found.get(there) == b"offline")
    with subscriber(broker.port) as later:
        wait_for("the will, retained", lambda: later.found.get(there) == b"offline")


@pytest.mark.slow
def test_a_broker_that_forgot_everything_gets_it_again_and_nothing_is_lost(
    queue: Queue, broker: HomeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HomeAssistantWay, "longest_pause", 0.5)
    with running(queue, broker) as way:
        way.device_status("cam-b", True)
        publish(queue, SEVEN, READING)
        broker.kill()
        queue.add(msgspec.structs.replace(READING, value="1235.0"))
        way.device_status("cam-b", False)
        broker.start()
        publish(queue)
        with subscriber(broker.port) as seen:
            wanted = {
                "blindsight/cam-a/availability": b"online",
                "blindsight/cam-b/availability": b"offline",
                "blindsight/cam-a/label/state": b"seven",
                "blindsight/cam-a/reading-water/state": b"1235.0",
            }
            wait_for("everything again", lambda: seen.has(wanted))
            assert len(seen.configs()) == 2


def test_a_console_has_an_availability_of_its_own_beside_those_of_its_devices(queue: Queue, broker: HomeBroker) -> None:
    with subscriber(broker.port) as seen:
        with running(queue, broker, "console.1a2b3c4d") as way:
            way.device_status("cam-a", True)
            publish(queue, READING, msgspec.structs.replace(READING, device="cam-b"))
            wait_for("both sensors", lambda: len(seen.configs()) == 2)
            topics = [[each["topic"] for each in config["availability"]] for config in seen.configs().values()]
            console = "blindsight/console.1a2b3c4d/availability"
            assert sorted(topics) == [[console, f"blindsight/{each}/availability"] for each in ("cam-a", "cam-b")]
            wait_for("online", lambda: seen.has({console: b"online", "blindsight/cam-a/availability": b"online"}))
            way.device_status("cam-a", False)
            wait_for("offline", lambda: seen.has({console: b"online", "blindsight/cam-a/availability": b"offline"}))
        wait_for("the console's end", lambda: seen.has({console: b"offline"}))


@pytest.mark.slow
def test_a_broker_that_is_not_there_is_a_problem_of_health_and_holds_up_nothing(
    queue: Queue, broker: HomeBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarder, "_STILL_SECONDS", 0.0)
    broker.kill()
    way = HomeAssistantWay(settings(broker), "cam-a", METERS, queue.outgoing.announced)
    forwarding = Forwarder(queue.outgoing, way, ForwardMetrics(CollectorRegistry()))
    wait_for("the problem", forwarding.problem)
    queue.add(READING)
    forwarding.close(10)
    assert queue.outgoing.waiting("mqtt") == 1
