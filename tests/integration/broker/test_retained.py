"""What a device has the broker retain goes, but for an honest status; and the broker has a bound."""

from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from blindsight.demo.servers import Servers, free_ports, start_servers
from broker.provisioning.provision import provision
from broker.retained_messages import NEVER, STATUSES
from common.service.settings import ServiceSettings
from common.wire import messages, topics
from common.wire.connection import MqttConnection
from common.wire.incoming import IncomingMessage
from common.wire.status import MAX_STATUS_BYTES, Status, encode_status
from tests.integration.fleet import Fleet, make_fleet, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.mosquitto]

JOB = "00000001-0123456789abcdef"
GOOD = encode_status(Status("online", "1", 0.0))


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """A broker that may hold 20 MB."""
    folder = tmp_path_factory.mktemp("servers")
    own = provision(folder).mosquitto / "listeners" / "00-own.conf"
    own.write_text("memory_limit 20000000\n")
    running = start_servers(folder, ["cam-a", "cam-b", "cam-c", "cam-d"])
    yield running
    running.stop()


def retained(fleet: Fleet) -> dict[str, bytes]:
    """What the broker gives to whoever asks now."""
    with fleet.client("bridge", *NEVER, *STATUSES) as (_, seen):
        return {message.topic: message.payload for message in seen if message.retained}


def test_all_but_honest_statuses_go_whether_a_bridge_ran_or_not(servers: Servers, tmp_path: Path) -> None:
    fleet, (port,) = make_fleet(servers, tmp_path), free_ports(1)
    hostile = {
        topics.frames("cam-a", JOB): b"x",
        topics.keys("cam-a", "ab" * 32, 0): b"x",
        topics.status("cam-a"): b'{"state":"online","instance":"1","started_at":1e400}',
        topics.status("cam-b"): GOOD + b" " * MAX_STATUS_BYTES,
        topics.status("cam-c"): b"[" * MAX_STATUS_BYTES,
    }

    def retain(*kinds: str) -> None:
        for topic, payload in ((topic, payload) for topic, payload in hostile.items() if topic.split("/")[3] in kinds):
            with fleet.client(topic.split("/")[2]) as (device, _):
                device.publish_confirmed(topic, payload, 5, retain=True)

    try:
        with fleet.client("worker") as (worker, _):
            worker.publish_confirmed(topics.errors("cam-a", JOB), b"x", 5, retain=True)  # as devices once could
        with fleet.client("cam-d") as (device, _):
            device.publish_confirmed(topics.status("cam-d"), GOOD, 5, retain=True)
        retain("frames", "keys", "status")
        assert len(retained(fleet)) == len(hostile) + 2
        bridge = fleet.start_bridge("--metrics-port", str(port))
        wait_for("nothing but an honest status", lambda: retained(fleet) == {topics.status("cam-d"): GOOD})
        with fleet.client("console", topics.errors("cam-a", "+")) as (_, replies):
            retain("frames", "keys")
            wait_for("the same", lambda: retained(fleet) == {topics.status("cam-d"): GOOD})
            said = [messages.decode(reply.payload, messages.ErrorReply).reason for reply in replies]
            assert said == ["corrupted"]  # to what was sent, and nothing to its end
        wait_for("the log", lambda: "cleared what a device had the broker retain" in bridge.log.read_text())
        page = urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
        for kind in ("frames", "keys", "errors", "status"):
            assert f'blindsight_retained_cleared_total{{kind="{kind}"}}' in page
    finally:
        fleet.services.stop()


def test_a_broker_that_is_full_cuts_off_who_fills_it_and_serves_others_until_a_bridge_clears_it(
    servers: Servers, tmp_path: Path
) -> None:
    fleet = make_fleet(servers, tmp_path)
    try:
        with fleet.client("cam-a") as (hostile, _), fleet.client("bridge", topics.frames("cam-b", "+")) as (_, seen):
            for number in range(30):
                hostile.publish(topics.frames("cam-a", f"{number:08d}-{0:016x}"), bytes(1_000_000), retain=True)
            log = servers.site.mosquitto / "mqtt.log"
            wait_for("its end", lambda: "Client cam-a disconnected due to out of memory" in log.read_text())
            with fleet.client("cam-b") as (victim, _):
                victim.publish_confirmed(topics.frames("cam-b", JOB), bytes(300_000), 10)
                wait_for("the victim's frame", lambda: seen)
        bridge = fleet.start_bridge()
        wait_for("nothing retained", lambda: not [topic for topic in retained(fleet) if "/frames/" in topic])
        assert bridge.running and servers.processes["mqtt"].poll() is None
    finally:
        fleet.services.stop()


def test_whoever_asks_gets_the_statuses_of_all_devices(servers: Servers, tmp_path: Path) -> None:
    fleet, many = make_fleet(servers, tmp_path), 1200
    with fleet.client("bridge") as (client, _):
        for number in range(many):
            client.publish(topics.status(f"cam-{number}"), GOOD, retain=True)
        client.publish_confirmed(topics.status("last"), GOOD, 30, retain=True)
        seen: set[str] = set()

        def take(message: IncomingMessage) -> None:
            seen.add(message.topic)
            reader.acknowledge(message)

        settings = ServiceSettings(
            mqtt_port=servers.mqtt_port, mqtt_username="console", mqtt_password_file=servers.password_file("console")
        )
        reader = MqttConnection(settings, "console", on_message=take, subscriptions=STATUSES)
        reader.connect()
        wait_for("all statuses", lambda: len(seen - {topics.status("cam-d")}) > many, 20)
        reader.close()
