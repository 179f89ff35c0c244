"""Home Assistant finds sensors and states on the user's broker, whoever of the three dies and comes back."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from common.errors import BrokerError, ConfigurationError
from common.publishing import forwarder
from common.publishing.announced import Announcement
from common.publishing.events import Event, plain
from common.publishing.forwarder import Forwarder
from common.publishing.metrics import ForwardMetrics
from common.publishing.publisher import check_publishing
from common.publishing.settings import PublishingSettings
from common.publishing.ways.home_assistant import HomeAssistantWay
from common.readings.meters import Meters
from common.readings.spec import Layout, ReadingSpec
from common.service.settings import load_settings
from tests.integration.certificates import Authority
from tests.integration.fleet import wait_for
from tests.unit.common.publishing.queues import LABEL, READING, Queue, opened
from tests.unit.common.publishing.ways.home_broker import HomeBroker, home_broker, subscriber

pytestmark = [pytest.mark.mosquitto]

ROOT = Path(__file__).parents[5]
#: A device whose region file has two wheels, of a gas meter, and a lamp.
WHEELS = ReadingSpec("gas", ("d1", "d2"), 0, "m³", 1.0, "gas")
METERS = Meters(by_device={"cam-g": Layout(("d1", "d2", "lamp"), (WHEELS,))})
SEVEN = msgspec.structs.replace(LABEL, label="seven")


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody wakes the forwarders of these tests."""
    monkeypatch.setattr(forwarder, "_LOOK_SECONDS", 0.05)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[HomeBroker]:
    with home_broker(tmp_path / "home") as made:
        yield made


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    with opened(tmp_path / "queue.sqlite", "mqtt") as made:
        yield made


def settings(broker: HomeBroker, **more: object) -> PublishingSettings:
    return load_settings(PublishingSettings, None, {"publish_mqtt": broker.url, **more})


@contextmanager
def running(
    queue: Queue, broker: HomeBroker, name: str = "cam-a", meters: Meters = METERS, **more: object
) -> Iterator[HomeAssistantWay]:
    """A key holder that publishes what is in its queue."""
    way = HomeAssistantWay(settings(broker, **more), name, meters, queue.outgoing.announced)
    forwarding = Forwarder(queue.outgoing, way, ForwardMetrics(CollectorRegistry()))
    try:
        yield way
    finally:
        forwarding.close(10)


def publish(queue: Queue, *events: Event) -> None:
    queue.add(*events)
    wait_for("the events at the broker", lambda: queue.outgoing.waiting("mqtt") == 0)


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


def test_the_discovery_prefix_can_be_another_one(queue: Queue, broker: HomeBroker) -> None:
    with running(queue, broker, publish_mqtt_prefix="house/ha"), subscriber(broker.port) as seen:
        publish(queue, READING)
        wait_for("the sensor", lambda: seen.configs("house/ha"))
        assert seen.configs() == {}


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


def test_a_broker_that_forbids_the_withdrawal_still_gets_what_there_is(queue: Queue, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2")
    queue.outgoing.announced.add([Announcement("elsewhere", "cam-a", "label")])
    with home_broker(tmp_path / "home", passwords(tmp_path / "home")) as broker:
        more = {
            "publish_mqtt": f"mqtt://me@127.0.0.1:{broker.port}",
            "publish_mqtt_password_file": tmp_path / "password",
        }
        with running(queue, broker, **more):
            publish(queue, LABEL)
    assert [each.prefix for each in queue.outgoing.announced.all()] == ["elsewhere", "homeassistant"]


def passwords(folder: Path) -> str:
    """Configuration of a broker with a user `me` whose password is hunter2, and who may write our topics only."""
    folder.mkdir(exist_ok=True)
    (folder / "passwords").write_text("me:hunter2\nothers:hunter2\n")
    subprocess.run(["mosquitto_passwd", "-U", str(folder / "passwords")], check=True)
    rules = "user me\ntopic write blindsight/#\ntopic write homeassistant/#\nuser others\ntopic read #\n"
    (folder / "acl").write_text(rules)
    return f"allow_anonymous false\npassword_file {folder}/passwords\nacl_file {folder}/acl"


def test_user_password_and_tls_are_as_the_settings_say(queue: Queue, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("home")
    (tmp_path / "password").write_text("hunter2\n")
    lines = f"certfile {certificate}\nkeyfile {key}\n{passwords(tmp_path / 'home')}"
    with home_broker(tmp_path / "home", lines) as broker:
        more = {
            "publish_mqtt": f"mqtts://me@127.0.0.1:{broker.port}",
            "publish_mqtt_password_file": tmp_path / "password",
            "publish_mqtt_ca_file": authority.ca,
        }
        with running(queue, broker, **more):
            publish(queue, READING)


def test_a_broker_that_refuses_the_user_is_asked_again_later(queue: Queue, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("wrong")
    with home_broker(tmp_path / "home", passwords(tmp_path / "home")) as broker:
        url = f"mqtt://me@127.0.0.1:{broker.port}"
        wrong = settings(broker, publish_mqtt=url, publish_mqtt_password_file=tmp_path / "password")
        way = HomeAssistantWay(wrong, "cam-a", METERS, queue.outgoing.announced)
        for _ in range(2):
            with pytest.raises(BrokerError, match="publish_mqtt: the broker refuses user 'me'") as caught:
                way.keep_up()
            assert "wrong" not in str(caught.value)
        way.close()
        (tmp_path / "password").write_text("hunter2")
        with running(queue, broker, publish_mqtt=url, publish_mqtt_password_file=tmp_path / "password"):
            publish(queue, READING)


def test_a_rule_that_forbids_the_topics_is_said(queue: Queue, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2")
    with home_broker(tmp_path / "home", passwords(tmp_path / "home")) as broker:
        others = settings(
            broker,
            publish_mqtt=f"mqtt://others@127.0.0.1:{broker.port}",
            publish_mqtt_password_file=tmp_path / "password",
        )
        way = HomeAssistantWay(others, "cam-a", METERS, queue.outgoing.announced)
        way.keep_up()
        for _ in range(2):  # an announcement that was refused is made again
            with pytest.raises(BrokerError, match=r"refuses what is published on 'homeassistant/.*allow the user"):
                way.send([plain(READING)])
        way.close()


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


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"publish_mqtt": "mqtt://h", "publish_mqtt_ca_file": "ca.crt"}, "publish_mqtt is mqtts:// where"),
        ({"publish_mqtt": "mqtts://h"}, r"/etc/ssl/certs/ca-certificates\.crt"),
        ({"publish_mqtt": "mqtts://h", "publish_mqtt_ca_file": "/nowhere"}, "/nowhere"),
        ({"publish_mqtt": "mqtt://h", "publish_mqtt_password_file": __file__}, "names no user"),
        ({"publish_mqtt_password_file": __file__}, "give publish_mqtt too"),
        ({"publish_mqtt_ca_file": __file__}, "give publish_mqtt too"),
        ({"webhook_secret_file": __file__}, "give webhook too"),
        ({"webhook": "https://h/", "webhook_secret_file": __file__}, "openssl rand"),
        ({"forward_command": "/no/such/program"}, "there is no such program"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(flags: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        check_publishing(load_settings(PublishingSettings, None, flags))
