"""A Redis that refuses what it is told after an evaluation, its memory full, say, costs no label and no attempt."""

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from blindsight.demo.servers import Servers
from common.errors import BrokerError
from common.fleet import redis_keys
from common.fleet.waiting import Bounds, WaitingBursts
from common.keys.key_set import create_key_set
from common.wire import messages
from common.wire.messages import EncryptedScores, ErrorReply, Task
from compiler.compile import compile_network
from edge.encryption import FrameCipher
from tests.integration.fleet import Fleet, make_fleet, wait_for
from tests.networks import random_frames, small_network
from workers.preparation import prepare
from workers.processor import Processor
from workers.settings import WorkerSettings

#: What Redis refuses: to keep a label; to delete anything, and to count what was answered or waits.
KEEPING = ("-set",)
CLEARING_UP = ("-del", "resetkeys", *(f"~blindsight:{each}:*" for each in ("frame", "attempts", "keys*", "result")))


@pytest.fixture(scope="module")
def fleet(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    plan = compile_network(small_network(), random_frames(small_network(), 16), error_budget=0.25)
    return make_fleet(servers, tmp_path_factory.mktemp("fleet"), plan)


@pytest.fixture(scope="module")
def processor(fleet: Fleet) -> Iterator[Processor]:
    settings = WorkerSettings(
        plans=[fleet.plan_file],
        redis_url=fleet.servers.redis_url,
        redis_password_file=fleet.servers.redis_password_file,
        mqtt_port=fleet.servers.mqtt_service_port,
        mqtt_username="worker",
        mqtt_password_file=fleet.servers.password_file("worker"),
    )
    made = Processor(settings, "worker", prepare(settings))
    yield made
    made.close()


@pytest.fixture
def task(fleet: Fleet, tmp_path: Path) -> Task:
    """A frame as the bridge leaves it, with its keys."""
    store, head = fleet.redis(), fleet.plan.head
    key_set = create_key_set(head, tmp_path / "keys")
    encrypted = FrameCipher(head, key_set).encrypt(random_frames(small_network(), 1))
    job = f"00000000-{encrypted.digest}"
    keys = key_set.evaluation_keys()
    store.set(redis_keys.keys_key("cam-a", key_set.fingerprint), keys)
    store.set(redis_keys.keys_digest_key("cam-a", key_set.fingerprint), hashlib.sha256(keys).hexdigest())
    store.set(redis_keys.blob_key("cam-a", job), encrypted.ciphertext)
    return Task("cam-a", job, key_set.fingerprint, head.hash, redis_keys.blob_key("cam-a", job), time.time())


@pytest.fixture
def refuse(fleet: Fleet) -> Iterator[Callable[..., None]]:
    """Let Redis refuse what these rules of its ACL don't allow."""
    store = fleet.redis()
    yield lambda *rules: store.execute_command("ACL", "SETUSER", "default", *rules)
    store.execute_command("ACL", "SETUSER", "default", "+@all", "~*")


@pytest.mark.parametrize("rules", [KEEPING, CLEARING_UP], ids=["keeping", "clearing up"])
@pytest.mark.slow
def test_a_label_is_published_and_its_task_is_done(
    fleet: Fleet, processor: Processor, task: Task, refuse: Callable[..., None], rules: tuple[str, ...]
) -> None:
    with fleet.client("cam-a", "blindsight/v1/cam-a/labels/+") as (_, labels):
        refuse(*rules)
        processor.handle(task)
        wait_for("the label", lambda: labels)
    assert messages.decode(labels[0].payload, EncryptedScores).job == task.job


def test_an_evaluation_that_was_finished_is_no_failed_attempt(
    fleet: Fleet, processor: Processor, task: Task, refuse: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though its label could be neither kept nor published."""
    refuse(*KEEPING)
    with monkeypatch.context() as patch, pytest.raises(BrokerError):
        patch.setattr(processor._mqtt, "_max_packet_size", 10)
        processor.handle(task)
    assert not fleet.redis().exists(redis_keys.attempts_key(task.device, task.job))


@pytest.mark.slow
def test_a_refused_burst_leaves_no_bytes_and_has_its_place_again_when_its_device_hears_of_it(
    fleet: Fleet, processor: Processor, task: Task
) -> None:
    store, waiting = fleet.redis(), WaitingBursts(fleet.redis())
    store.delete(redis_keys.keys_key("cam-a", task.key_set))
    bounds, ciphertext = Bounds(10, 10**6, 10, 10**6), store.get(task.blob)
    assert waiting.admit(task, ciphertext, 60, bounds, "a turn").verdict == "admitted"
    seen: list[tuple[int, int]] = []
    with fleet.client("cam-a", "blindsight/v1/cam-a/errors/+") as (_, errors):
        answers = processor._answers
        publish = answers._publish

        def look_and_publish(topic: str, payload: bytes) -> None:
            seen.append((store.exists(task.blob), waiting.depth().bursts))
            publish(topic, payload)

        answers._publish = look_and_publish  # type: ignore[method-assign]
        processor.handle(task)
        wait_for("the refusal", lambda: errors)
    assert messages.decode(errors[0].payload, ErrorReply).reason == "unknown-key"
    assert seen == [(0, 0)]
    assert waiting.admit(task, ciphertext, 60, bounds, "a turn").verdict == "admitted"
    processor.end("a turn")
    assert store.exists(task.blob) and waiting.depth().bursts == 1
