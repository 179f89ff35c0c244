"""A device that sends more than it may: nothing is lost, order is kept, and others don't notice."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from blindsight.demo.processes import Service
from blindsight.demo.servers import Servers
from common.fleet.waiting import WINDOW_SECONDS, WaitingBursts, limit_key
from common.wire import messages, topics
from common.wire.connection import MqttConnection
from common.wire.messages import Burst, ErrorReply
from tests.integration.fleet import Fleet, make_fleet, wait_for, write_pictures

pytestmark = pytest.mark.slow

LIMIT = 30
FRAMES = 40


@pytest.fixture
def fleet(servers: Servers, tmp_path: Path) -> Iterator[Fleet]:
    fleet = make_fleet(servers, tmp_path)
    yield fleet
    fleet.services.stop()


def test_frames_over_the_limit_wait_and_are_answered_in_order_and_other_devices_go_on(
    fleet: Fleet, tmp_path: Path
) -> None:
    bridge, _ = (fleet.start_bridge("--max-frames-per-minute", str(LIMIT)) for _ in range(2))  # with one log
    fleet.start_worker()
    truth = write_pictures(tmp_path / "many", range(FRAMES))
    write_pictures(tmp_path / "few", range(4))
    many = fleet.start_device("cam-a", tmp_path / "many", "--retry-after", "2", "--exit-when-done")
    wait_for("a refusal", lambda: _busy(bridge))
    few = fleet.start_device("cam-b", tmp_path / "few", "--exit-when-done")
    assert few.process.wait(60) == 0, few.tail()
    assert len(fleet.results("cam-b")) == 4
    assert "cam-b" not in "".join(_busy(bridge))
    # The bridges count together: the limit's worth of labels, and one device's count.
    assert many.running
    assert len(fleet.results("cam-a")) <= LIMIT
    assert 0 < fleet.redis().ttl(limit_key("cam-a")) <= WINDOW_SECONDS
    # As the minute's end would. The device was told of that and waits for it; when it starts anew it doesn't.
    fleet.redis().delete(limit_key("cam-a"))
    many.process.terminate()
    assert many.process.wait(30) == 0, many.tail()
    many = fleet.start_device("cam-a", tmp_path / "few", "--exit-when-done")
    assert many.process.wait(120) == 0, many.tail()
    results = fleet.results("cam-a")[:FRAMES]
    assert [result.source for result in results] == [f"{number:04d}.png" for number in range(FRAMES)]
    assert [result.label for result in results] == truth


def _busy(bridge: Service) -> list[str]:
    """Lines of the bridges' log on frames that were refused for the limit."""
    return [line for line in bridge.log.read_text().splitlines() if "busy" in line]


@pytest.mark.parametrize("frames", [2**63, 2**62, 16385, 0])
def test_a_burst_that_says_more_frames_than_any_can_have_is_refused_and_stops_no_bridge(
    fleet: Fleet, tmp_path: Path, frames: int
) -> None:
    """Redis can't count so far: a bridge that tried would try for ever."""
    fleet.start_bridge("--max-frames-per-minute", str(LIMIT))
    fleet.start_worker()
    job, head = "00000900-0123456789abcdef", fleet.plan.head
    hostile = messages.encode(Burst(1, "cam-d", job, "0" * 64, head.hash, 0.0, b"", frames))
    with fleet.client("cam-d", topics.errors("cam-d", "+")) as (connection, seen):

        def refused() -> bool:
            connection.publish_confirmed(topics.frames("cam-d", job), hostile, 10)
            return len(seen) >= 3

        wait_for("three refusals", refused)  # the first messages find no bridge, while it starts
    assert {messages.decode(each.payload, ErrorReply).reason for each in seen} == {"malformed"}
    write_pictures(tmp_path / "camera", range(2))
    device = fleet.start_device("cam-e", tmp_path / "camera", "--exit-when-done")
    assert device.process.wait(60) == 0, device.tail()


@pytest.mark.mosquitto
def test_a_device_without_a_bridge_tries_again_soon_and_one_before_a_full_queue_comes_when_there_is_room(
    fleet: Fleet, tmp_path: Path
) -> None:
    first = fleet.start_bridge()  # the fleet takes the device's keys while a worker is there
    worker = fleet.start_worker()
    write_pictures(tmp_path / "first", range(1))
    device = fleet.start_device("cam-f", tmp_path / "first", "--exit-when-done")
    assert device.process.wait(60) == 0, device.tail()
    for service in (first, worker):
        service.process.terminate()
        service.process.wait(60)
    truth = write_pictures(tmp_path / "camera", range(8))
    device = fleet.start_device("cam-f", tmp_path / "camera", "--retry-after", "300", "--exit-when-done")
    bridge = fleet.start_bridge("--max-queue", "4")  # half of it is its share
    wait_for("a refusal", lambda: _busy(bridge))
    waiting = WaitingBursts(fleet.redis())
    assert waiting.depth().bursts == 2
    fleet.start_worker()
    assert device.process.wait(120) == 0, device.tail()
    assert [result.label for result in fleet.results("cam-f")[1:]] == truth
    assert (waiting.depth().bursts, waiting.depth().bytes) == (0, 0)


def test_a_device_that_floods_the_queue_keeps_no_other_from_its_turns(fleet: Fleet, tmp_path: Path) -> None:
    """One sends the same frame again and again, and heeds no refusal; another has at most two of its labels between."""
    bridge = fleet.start_bridge("--max-queue", "40")
    fleet.start_worker()
    write_pictures(tmp_path / "camera", range(1))
    payloads = {}
    with fleet.client("bridge", "blindsight/v1/+/frames/+") as (_, frames):
        for device in ("cam-g", "cam-h"):
            agent = fleet.start_device(device, tmp_path / "camera", "--exit-when-done")
            assert agent.process.wait(60) == 0, agent.tail()
            wait_for("its frame", lambda d=device: any(f"/{d}/" in frame.topic for frame in frames))
            (frame,) = {frame.payload for frame in frames if f"/{device}/" in frame.topic}
            payloads[device] = messages.decode(frame, Burst)

    def send(connection: MqttConnection, device: str, number: int) -> str:
        frame = payloads[device]
        job = f"{number:08d}-{frame.job.rpartition('-')[2]}"
        again = msgspec.structs.replace(frame, job=job)
        connection.publish(topics.frames(device, job), messages.encode(again))
        return topics.labels(device, job)

    between = []
    with (
        fleet.client("console", "blindsight/v1/+/labels/+") as (_, labels),
        fleet.client("cam-g") as (flood, _),
        fleet.client("cam-h") as (other, _),
    ):
        numbers = itertools.count(1000)

        def refused() -> bool:
            for _ in range(60):  # faster than a worker answers
                send(flood, "cam-g", next(numbers))
            return bool(_busy(bridge))

        wait_for("a refusal", refused)
        for number in range(100, 106):
            before = len(labels)
            wanted = send(other, "cam-h", number)
            wait_for("its label", lambda w=wanted: any(label.topic == w for label in labels))
            between.append([label.topic for label in labels[before:]].index(wanted))
            for _ in range(30):
                send(flood, "cam-g", next(numbers))
    # One may be in work when the frame comes, and one on its way there; the waiting ones are about fifteen.
    assert max(between) <= 3, between
    assert "cam-h" not in "".join(_busy(bridge))
