"""A worker's answers on a real broker: the device hears of its burst, and nothing is left of the burst in Redis."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis

from blindsight.demo.servers import Servers
from common.errors import BrokerError
from common.fleet.redis_keys import blob_key
from common.fleet.registry import Registry, WorkerEntry
from common.fleet.waiting import Bounds, WaitingBursts
from common.service.settings import ServiceSettings
from common.wire import messages
from common.wire.connection import MqttConnection
from common.wire.messages import EncryptedScores, ErrorReply, Task
from tests.integration.fleet import Fleet, make_fleet, wait_for
from workers.answers import Answers
from workers.refusal import RefusedError

pytestmark = pytest.mark.slow

PLAN, KEY_SET, BURST, JOB = "ab" * 32, "cd" * 32, b"ciphertexts", "00000001-0123456789abcdef"
TASK = Task("cam-a", JOB, KEY_SET, PLAN, blob_key("cam-a", JOB), 1.0, frames=3)
LABEL = EncryptedScores(1, JOB, KEY_SET, PLAN, 1.0, 2.0, 3.0, 3.0, "host-1", b"scores", frames=3)
REFUSED = RefusedError("malformed", "it is no ciphertext")


@pytest.fixture
def fleet(servers: Servers, tmp_path: Path) -> Fleet:
    return make_fleet(servers, tmp_path)


@pytest.fixture
def store(fleet: Fleet) -> Iterator["redis.Redis"]:
    """A Redis in which the burst waits."""
    with closing(fleet.redis()) as store:
        store.flushall()
        admission = WaitingBursts(store).admit(TASK, BURST, 60, Bounds(9, 10**6, 9, 10**6), "a turn")
        assert admission.verdict == "admitted"
        Registry(store).announce(WorkerEntry("host-1", {PLAN: "digits"}, 1, 1.0))
        yield store


@pytest.fixture
def mqtt(fleet: Fleet) -> Iterator[MqttConnection]:
    password = fleet.servers.password_file("worker")
    settings = ServiceSettings(
        mqtt_port=fleet.servers.mqtt_service_port, mqtt_username="worker", mqtt_password_file=password
    )
    with closing(MqttConnection(settings, "worker-1")) as connection:
        connection.connect()
        yield connection


@pytest.fixture
def answers(mqtt: MqttConnection, store: "redis.Redis") -> Answers:
    return Answers(mqtt, store, "host-1")


def left(store: "redis.Redis") -> tuple[int, int]:
    """Whether the burst's bytes are there, and how many bursts wait."""
    return store.exists(TASK.blob), WaitingBursts(store).depth().bursts


def test_a_label_reaches_the_device_and_its_frames_are_counted(
    fleet: Fleet, store: "redis.Redis", answers: Answers
) -> None:
    with fleet.client("cam-a", "blindsight/v1/cam-a/labels/+") as (_, labels):
        answers.give(TASK, LABEL)
        wait_for("the label", lambda: labels)
    assert messages.decode(labels[0].payload, EncryptedScores) == LABEL
    assert left(store) == (0, 0)
    assert [worker.answered for worker in Registry(store).workers()] == [3]


def test_a_refusal_reaches_the_device(fleet: Fleet, store: "redis.Redis", answers: Answers) -> None:
    with fleet.client("cam-a", "blindsight/v1/cam-a/errors/+") as (_, errors):
        reply = answers.refuse(TASK, REFUSED)
        wait_for("the refusal", lambda: errors)
    assert messages.decode(errors[0].payload, ErrorReply) == reply
    assert reply == ErrorReply(1, JOB, "malformed", "it is no ciphertext")
    assert left(store) == (0, 0)
    assert [worker.answered for worker in Registry(store).workers()] == [0]


def test_a_label_that_can_not_be_published_leaves_its_burst_waiting(
    store: "redis.Redis", answers: Answers, mqtt: MqttConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "_max_packet_size", 10)
    with pytest.raises(BrokerError, match="max_packet_size"):
        answers.give(TASK, LABEL)
    assert left(store) == (1, 1)


def test_a_burst_is_gone_before_its_device_can_hear_of_a_refusal(
    store: "redis.Redis", answers: Answers, mqtt: MqttConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or what the device sends again would be taken out in the place of what it sent first."""
    monkeypatch.setattr(mqtt, "_max_packet_size", 10)
    with pytest.raises(BrokerError):
        answers.refuse(TASK, REFUSED)
    assert left(store) == (0, 0)
