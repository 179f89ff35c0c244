"""The bridge among many devices: it drops nothing that comes at once, and no message of one holds up the others."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from blindsight.demo.servers import Servers
from broker.bridge import Bridge
from broker.settings import BridgeSettings
from common.fleet import redis_keys
from common.fleet.waiting import WaitingBursts
from common.wire import messages, topics
from common.wire.incoming import IncomingMessage
from common.wire.messages import Burst, ErrorReply, KeyAck, KeyChunk
from tests.integration.conftest import DEVICES
from tests.integration.fleet import Fleet, make_fleet, wait_for

FRAME_BYTES = 320_000
PLAN = "ab" * 32


@pytest.fixture
def fleet(servers: Servers, tmp_path: Path) -> Iterator[Fleet]:
    fleet = make_fleet(servers, tmp_path)
    fleet.redis().flushall()
    yield fleet
    fleet.services.stop()


def job(number: int) -> str:
    return f"{number:08d}-{number:016x}"


def frame(device: str, number: int, size: int = 100) -> tuple[str, bytes]:
    """Topic and payload."""
    content = Burst(1, device, job(number), "0" * 64, PLAN, time.time(), bytes(size))
    return topics.frames(device, job(number)), messages.encode(content)


def key_chunk(device: str) -> tuple[str, bytes]:
    """Topic and payload."""
    return topics.keys(device, "1" * 64, 0), messages.encode(KeyChunk(1, 1000, "1" * 64, b"x" * 10))


@pytest.mark.slow
@pytest.mark.mosquitto
def test_every_frame_of_those_that_come_at_once_reaches_redis(fleet: Fleet) -> None:
    """Of 300 devices, for which eight clients publish. The broker sends more at once than the bridge asked for."""
    devices, number = fleet.servers.site.mosquitto / "acl.conf", 300
    rules = devices.read_text()
    for each in DEVICES:
        devices.write_text(devices.read_text() + f"user {each}\ntopic write blindsight/v1/+/frames/+\n")
    fleet.servers.processes["mqtt"].send_signal(signal.SIGHUP)
    try:
        bridge = fleet.start_bridge("--max-queue", str(2 * number))
        wait_for("the bridge", lambda: "bridging" in bridge.log.read_text())
        with ExitStack() as stack:
            clients = [stack.enter_context(fleet.client(each))[0] for each in DEVICES]
            for each in range(number):
                clients[each % len(clients)].publish(*frame(f"dev-{each}", each, FRAME_BYTES))
            wait_for("every frame", lambda: WaitingBursts(fleet.redis()).depth().bursts == number)
    finally:
        devices.write_text(rules)
        fleet.servers.processes["mqtt"].send_signal(signal.SIGHUP)


@pytest.mark.slow
@pytest.mark.mosquitto
def test_a_device_that_shares_the_subscription_of_bridges_takes_none_of_their_frames(fleet: Fleet) -> None:
    """Mosquitto grants such a subscription, gives its member every other frame, and only then denies it."""
    bridge = fleet.start_bridge()
    wait_for("the bridge", lambda: "bridging" in bridge.log.read_text())
    others = [f"$share/{group}/{topics.ROOT}/+/frames/+" for group in ("frames", "frames-", "bridge")]
    with fleet.client("cam-a", *others) as (_, taken), fleet.client("cam-b") as (honest, _):
        for number in range(8):
            honest.publish_confirmed(*frame("cam-b", number), 10)
        wait_for("every frame", lambda: WaitingBursts(fleet.redis()).depth().bursts == 8)
        assert taken == []


@pytest.mark.slow
def test_what_one_device_sends_too_much_of_is_dropped_and_holds_up_no_other(fleet: Fleet) -> None:
    """It is acknowledged, too: a broker that waited for that would soon send nothing more to the bridge."""
    bridge = fleet.start_bridge()
    wait_for("the bridge", lambda: "bridging" in bridge.log.read_text())
    with fleet.client("cam-a") as (hostile, _), fleet.client("cam-b") as (honest, _):
        for number in range(1000):
            hostile.publish(topics.frames("cam-a", job(number)), b"junk!")
        for number in range(8):
            honest.publish_confirmed(*frame("cam-b", number), 30)
        wait_for("every frame of the other", lambda: WaitingBursts(fleet.redis()).depth().bursts == 8)
    said = bridge.log.read_text()
    assert "too much of it waits" in said and "device=cam-a" in said
    assert "cam-b/frames" not in said


@pytest.fixture
def forbid(fleet: Fleet) -> Iterator[Callable[[str], None]]:
    """Let Redis refuse all keys of ours that don't begin so; it answers as before."""
    store = fleet.redis()

    def only(*prefixes: str) -> None:
        store.execute_command("ACL", "SETUSER", "default", "resetkeys", *(f"~{each}*" for each in prefixes))

    yield only
    store.execute_command("ACL", "SETUSER", "default", "~*")


@pytest.mark.slow
def test_a_message_that_redis_refuses_each_time_is_refused_and_those_behind_it_go_on(
    fleet: Fleet, forbid: Callable[..., None]
) -> None:
    bridge = fleet.start_bridge()
    wait_for("the bridge", lambda: "bridging" in bridge.log.read_text())
    forbid("blindsight:frame:cam-b", "blindsight:w", "blindsight:[a-eg-tx-z]", "frames.")
    with fleet.client("cam-a", topics.errors("cam-a", "+")) as (hostile, seen), fleet.client("cam-b") as (honest, _):
        hostile.publish_confirmed(*key_chunk("cam-a"), 10)
        hostile.publish_confirmed(*frame("cam-a", 1), 10)
        honest.publish_confirmed(*frame("cam-b", 2), 10)
        wait_for("the other's frame", lambda: WaitingBursts(fleet.redis()).depth().bursts == 1)
        wait_for("a refusal", lambda: seen)
    reply = messages.decode(seen[0].payload, ErrorReply)
    assert (reply.reason, reply.retry, reply.job) == ("busy", True, job(1))
    assert bridge.running and "Traceback" not in bridge.log.read_text()


class FaultyBridge(Bridge):
    """Has a fault that the frames of one device bring up."""

    def _handle(self, message: IncomingMessage) -> None:
        if "cam-a" in message.topic:
            raise ZeroDivisionError("a fault of ours")
        super()._handle(message)


@pytest.mark.slow
def test_a_fault_of_the_bridge_costs_its_message_and_nothing_else(fleet: Fleet) -> None:
    servers = fleet.servers
    settings = BridgeSettings(
        redis_url=servers.redis_url,
        redis_password_file=servers.redis_password_file,
        mqtt_port=servers.mqtt_service_port,
        mqtt_username="bridge",
        mqtt_password_file=servers.password_file("bridge"),
    )
    bridge = FaultyBridge(settings, "faulty-bridge")
    thread = threading.Thread(target=bridge.run, daemon=True)
    thread.start()
    try:
        topics_of_a = topics.errors("cam-a", "+"), topics.keys_ack("cam-a", "+")
        with fleet.client("cam-a", *topics_of_a) as (one, seen), fleet.client("cam-b") as (two, _):
            wait_for("the bridge", lambda: bridge._mqtt.connected)
            time.sleep(0.3)  # its subscriptions
            one.publish_confirmed(*frame("cam-a", 1), 10)
            wait_for("a refusal", lambda: len(seen) == 1)
            one.publish_confirmed(*key_chunk("cam-a"), 10)
            wait_for("another", lambda: len(seen) == 2)
            two.publish_confirmed(*frame("cam-b", 2), 10)
            wait_for("the other's frame", lambda: fleet.redis().exists(redis_keys.blob_key("cam-b", job(2))))
        assert messages.decode(seen[0].payload, ErrorReply).reason == "failed"
        ack = messages.decode(seen[1].payload, KeyAck)
        assert ack.error is not None and not ack.complete
        assert thread.is_alive()
    finally:
        bridge.stop()
        thread.join(10)
