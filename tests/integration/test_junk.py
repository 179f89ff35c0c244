"""Whatever lies in Redis under the names that bridge and worker use, a frame gets its label, and both run."""

import json
from collections.abc import Iterator

import msgspec
import pytest

from blindsight.demo.servers import Servers
from common.fleet import redis_keys
from common.fleet.redis_keys import queue_of
from common.fleet.tasks import make_celery, turn_message
from common.fleet.waiting import WaitingBursts
from common.wire import messages, topics
from common.wire.connection import MqttConnection
from common.wire.incoming import IncomingMessage
from common.wire.messages import Burst
from tests.integration.fleet import Fleet, make_fleet, wait_for, write_pictures

pytestmark = pytest.mark.slow

#: What was found to end a worker, each in its way, and what else isn't a task.
NO_TASKS = ["", "no JSON", "{}", "[]", "null", "7", '"text"', "\xff", "[" * 50_000, '{"properties": {}}', '{"body": 1}']


@pytest.fixture(scope="module")
def fleet(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fleet = make_fleet(servers, tmp_path_factory.mktemp("fleet"))
    fleet.start_bridge()
    fleet.start_worker("--time-limit", "10")
    yield fleet
    fleet.services.stop()


class Device:
    """Sends a frame again under new jobs."""

    def __init__(self, fleet: Fleet, connection: MqttConnection, seen: list[IncomingMessage], frame: Burst) -> None:
        self.fleet, self.connection, self.seen, self.frame, self.number = fleet, connection, seen, frame, 100

    @property
    def job(self) -> str:
        """The one that comes next."""
        return f"{self.number:08d}-{self.frame.job.rpartition('-')[2]}"

    def is_answered(self, *kinds: str) -> None:
        """A frame gets an answer of these kinds, sent twice if need be, and nobody has ended."""
        device, job = self.frame.device, self.job
        frame = messages.encode(msgspec.structs.replace(self.frame, job=job))

        def answered() -> bool:
            return any(each.topic == f"{topics.ROOT}/{device}/{kind}/{job}" for each in self.seen for kind in kinds)

        for _ in range(2):
            self.connection.publish_confirmed(topics.frames(device, job), frame, 10)
            try:
                wait_for("an answer", answered, 15)
                break
            except AssertionError:
                continue
        assert answered(), [each.topic for each in self.seen]
        self.number += 1
        for service in self.fleet.services.started:
            assert service.running or service.name.startswith("device"), service.tail()
            assert "Traceback" not in service.log.read_text(), service.tail()


@pytest.fixture(scope="module")
def device(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    pictures = tmp_path_factory.mktemp("pictures")
    write_pictures(pictures, range(1))
    with fleet.client("bridge", "blindsight/v1/cam-a/frames/+") as (_, frames):
        agent = fleet.start_device("cam-a", pictures, "--exit-when-done")
        assert agent.process.wait(60) == 0, agent.tail()
        wait_for("the frame", lambda: frames)
    frame = messages.decode(frames[0].payload, Burst)
    with fleet.client("cam-a", "blindsight/v1/cam-a/labels/+", "blindsight/v1/cam-a/errors/+") as (connection, seen):
        yield Device(fleet, connection, seen, frame)


def test_what_is_no_turn_in_the_queue_is_passed_over(fleet: Fleet, device: Device) -> None:
    store, queue = fleet.redis(), queue_of(fleet.plan.head.hash)
    turn = json.loads(turn_message(make_celery("redis://"), fleet.plan.head.hash, "turn-1"))
    damaged = [{**turn, part: junk} for part in turn for junk in (None, 7, "text", [], {})]
    damaged += [{**turn, "headers": {**turn["headers"], part: "\x00"}} for part in turn["headers"]]
    damaged += [{**turn, "properties": {**turn["properties"], part: []}} for part in turn["properties"]]
    store.lpush(queue, *NO_TASKS, *map(json.dumps, damaged))
    device.is_answered("labels")
    wait_for("the end of the junk", lambda: not store.llen(queue))


def test_what_is_not_ours_among_the_unacknowledged_is_forgotten(fleet: Fleet, device: Device) -> None:
    store = fleet.redis()
    junk = {
        f"tag-{number}": text for number, text in enumerate([*NO_TASKS, '[{}, "", "x"]', "[1, 2]", '["a", "b", "c"]'])
    }
    store.hset("unacked", mapping=junk)
    store.zadd("unacked_index", {tag: 1 for tag in junk})
    store.set("unacked_mutex", "for ever")
    device.is_answered("labels")
    wait_for("their end", lambda: not store.hkeys("unacked"), 30)
    assert not store.exists("unacked_index")


@pytest.mark.parametrize("kind", ["string", "zset", "stream"])
def test_keys_of_another_type_are_ours_again(fleet: Fleet, device: Device, kind: str) -> None:
    store, plan, job = fleet.redis(), fleet.plan.head.hash, device.job
    names = [queue_of(plan), "unacked", "unacked_index", "unacked_mutex", "blindsight:workers"]
    names += [f"blindsight:ring:{plan}", f"blindsight:bursts:{plan}:cam-a", "blindsight:promise:cam-a"]
    names += [
        "blindsight:waiting",
        "blindsight:waiting:sizes",
        "blindsight:waiting:shares",
        "blindsight:waiting:drained",
    ]
    names += [
        redis_keys.blob_key("cam-a", job),
        redis_keys.result_key("cam-a", job),
        redis_keys.attempts_key("cam-a", job),
    ]
    names += [f"blindsight:task:cam-a:{job}"]
    for name in names:
        store.delete(name)
        if kind == "string":
            store.set(name, "junk")
        elif kind == "zset":
            store.zadd(name, {"junk": 1e300})
        else:
            store.xadd(name, {"junk": "junk"})
    device.is_answered("labels")
    device.is_answered("labels")
    wait_for("an empty queue", lambda: WaitingBursts(store).depth().bursts == 0, 20)


def test_a_worker_starts_whatever_there_is_and_keys_that_are_no_keys_are_uploaded_again(
    fleet: Fleet, device: Device
) -> None:
    store, key_set = fleet.redis(), device.frame.key_set
    for place in (redis_keys.keys_key, redis_keys.keys_digest_key):
        store.delete(place("cam-a", key_set))
        store.lpush(place("cam-a", key_set), "junk")
    names = [queue_of(fleet.plan.head.hash), "unacked", "unacked_index", "unacked_mutex", "blindsight:workers"]
    for name in [*names, *store.keys("_kombu*")]:
        store.delete(name)
        store.set(name, "junk")
    fleet.start_worker("--time-limit", "10")  # one that hasn't the keys in memory
    for _ in range(3):
        device.is_answered("labels", "errors")
