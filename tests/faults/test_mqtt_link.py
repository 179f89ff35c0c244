"""Messages from a device through a real Mosquitto to a bridge, tampered with on their way."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

import pytest

from blindsight.demo.servers import Servers, start_servers
from common.service.settings import ServiceSettings
from common.wire.connection import MqttConnection
from common.wire.incoming import IncomingMessage
from tests.faults.link import DOWN, UP, Direction
from tests.faults.mqtt_link import MqttLink, Tampering
from tests.integration.fleet import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60), pytest.mark.mosquitto]

TOPIC = "blindsight/v1/cam-a/frames/{}"
SENT = [f"message {number:02d}".encode() for number in range(30)]
LARGE = bytes(300_000)  # more than a proxy reads at once


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    running = start_servers(tmp_path_factory.mktemp("servers"), ["cam-a"])
    yield running
    running.stop()


@dataclass
class Line:
    """From a device to a bridge, with a link at either end."""

    links: dict[Direction, MqttLink]
    device: MqttConnection
    bridge: MqttConnection
    received: list[bytes] = field(default_factory=list)

    def send(self, *payloads: bytes) -> None:
        for number, payload in enumerate(payloads):
            self.device.publish(TOPIC.format(number), payload)

    def arrives(self, expected: list[bytes]) -> None:
        """Exactly these arrive, whatever the order."""
        wait_for("every message", lambda: len(self.received) >= len(expected), 20)
        self.heal()
        self.send(b"the last")
        wait_for("the last message", lambda: b"the last" in self.received, 20)
        self.received.remove(b"the last")
        assert sorted(self.received) == sorted(expected)

    def heal(self) -> None:
        for link in self.links.values():
            link.heal()


@pytest.fixture
def line(servers: Servers) -> Iterator[Line]:
    def connection(link: MqttLink, user: str, **options) -> MqttConnection:
        secret = servers.password_file(user)
        settings = ServiceSettings(mqtt_port=link.port, mqtt_username=user, mqtt_password_file=secret)
        made = MqttConnection(settings, f"test-{user}", **options)
        made.connect()
        return made

    def keep(message: IncomingMessage) -> None:
        line.received.append(message.payload)
        line.bridge.acknowledge(message)

    with MqttLink(servers.mqtt_port, seed=3) as up, MqttLink(servers.mqtt_service_port, seed=3) as down:
        bridge = connection(down, "bridge", on_message=keep, subscriptions=(TOPIC.format("+"),))
        line = Line({UP: up, DOWN: down}, connection(up, "cam-a"), bridge)
        time.sleep(0.2)  # the subscription's acknowledgement
        yield line
        line.device.close()
        line.bridge.close()


def test_without_tampering_all_messages_pass_in_order(line: Line) -> None:
    line.send(*SENT, LARGE)
    line.arrives([*SENT, LARGE])
    assert line.received == [*SENT, LARGE]
    assert set(line.links[UP].done) == set(line.links[DOWN].done) == {"passed"}


@pytest.mark.parametrize("direction", [UP, DOWN])
def test_some_messages_come_twice(line: Line, direction: Direction) -> None:
    link = line.links[direction]
    link.tamper(direction, Tampering(duplicate=0.5))
    line.send(*SENT)
    wait_for("every message", lambda: link.done.total() == len(SENT))
    assert 5 < link.done["duplicate"] < 25
    wait_for("its double", lambda: len(line.received) == len(SENT) + link.done["duplicate"])
    assert set(line.received) == set(SENT)


@pytest.mark.parametrize("direction", [UP, DOWN])
def test_neighbours_are_swapped_and_none_is_kept(line: Line, direction: Direction) -> None:
    line.links[direction].tamper(direction, Tampering(reorder=0.5))
    line.send(*SENT)
    line.arrives(SENT)
    assert line.received != SENT
    moved = [abs(place - SENT.index(message)) for place, message in enumerate(line.received)]
    assert sum(moved) > 4 and max(moved) <= 3


@pytest.mark.parametrize("direction", [UP, DOWN])
def test_some_messages_are_late_and_the_others_are_not(line: Line, direction: Direction) -> None:
    link = line.links[direction]
    link.tamper(direction, Tampering(delay=0.2, delay_seconds=0.5))
    line.send(*SENT)
    line.arrives(SENT)
    late = line.received[-link.done["delay"] :]
    assert 0 < len(late) < 15
    assert [message for message in SENT if message not in late] == line.received[: -len(late)]


@pytest.mark.parametrize("direction", [UP, DOWN])
def test_one_byte_of_some_messages_is_another(line: Line, direction: Direction) -> None:
    link = line.links[direction]
    link.tamper(direction, Tampering(corrupt=0.5))
    line.send(*SENT, LARGE)
    wait_for("every message", lambda: len(line.received) == len(SENT) + 1)
    different = [
        sum(a != b for a, b in zip(*pair, strict=True)) for pair in zip([*SENT, LARGE], line.received, strict=True)
    ]
    assert set(different) == {0, 1}
    assert sum(different) == link.done["corrupt"]


def test_what_is_done_depends_on_the_seed_alone() -> None:
    tampering = Tampering(0.1, 0.1, 0.1, 0.1)
    first, second, other = Random(1), Random(1), Random(2)
    drawn = [tampering.draw(first) for _ in range(200)]
    assert drawn == [tampering.draw(second) for _ in range(200)]
    assert drawn != [tampering.draw(other) for _ in range(200)]
    assert set(drawn) == {"duplicate", "reorder", "delay", "corrupt", "passed"}
