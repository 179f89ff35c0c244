"""What bridge and worker answer to frames that they can't label, and that nothing else is disturbed."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from blindsight.demo.servers import Servers
from common.ckks.ciphertext import digest_of
from common.fleet import redis_keys
from common.keys.key_set import create_key_set, load_key_set
from common.wire import messages, topics
from common.wire.messages import Burst, ErrorReply, KeyAck, KeyChunk
from edge.encryption import FrameCipher
from models.samples import load_samples
from tests.integration.fleet import Fleet, make_fleet, wait_for, write_pictures

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fleet(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fleet = make_fleet(servers, tmp_path_factory.mktemp("fleet"))
    fleet.start_bridge()
    fleet.start_worker()
    yield fleet
    fleet.services.stop()


@pytest.fixture(scope="module")
def keyed_device(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, bytes]:
    """A device whose keys the fleet holds, their fingerprint, and a ciphertext of its."""
    pictures = tmp_path_factory.mktemp("pictures")
    write_pictures(pictures, range(1))
    device = fleet.start_device("cam-f", pictures, "--exit-when-done")
    assert device.process.wait(60) == 0, device.tail()
    key_set = load_key_set(fleet.folder / "cam-f" / "keys")
    encrypted = FrameCipher(fleet.plan.head, key_set).encrypt(load_samples("digits").frames[:1])
    return "cam-f", key_set.fingerprint, encrypted.ciphertext


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("truncated", lambda data: data[:-100]),
        ("bit flipped in the header", lambda data: bytes([data[0] ^ 1]) + data[1:]),
        ("another level", lambda data: data[:6] + bytes([1]) + data[7:]),
        ("residues above their prime", lambda data: data[:-200_000] + b"\xff" * 200_000),
        ("empty", lambda _: b""),
        ("noise", lambda data: os.urandom(len(data))),
    ],
)
def test_a_damaged_ciphertext_gets_an_error_reply_and_disturbs_nothing(
    fleet: Fleet, keyed_device: tuple[str, str, bytes], name: str, damage
) -> None:
    device, key_set, ciphertext = keyed_device
    reply = _send(fleet, device, key_set, fleet.plan.head.hash, damage(ciphertext))
    assert (reply.reason, reply.retry) == ("malformed", False), reply
    assert _running(fleet)


def test_bytes_that_are_no_message_get_an_error_reply(fleet: Fleet) -> None:
    job = _job()
    with fleet.client("cam-a", "blindsight/v1/cam-a/errors/+") as (connection, errors):
        for body in (b"", b"\x00", os.urandom(10_000), b"\xc1" * 100, b"\x9f" * 100_000):
            for payload, reason in ((body, "corrupted"), (messages.with_checksum(body), "malformed")):
                errors.clear()
                connection.publish_confirmed(topics.frames("cam-a", job), payload, 10)
                if not payload:  # by which retained messages are cleared, so nobody asked for anything
                    continue
                wait_for("an error reply", lambda: errors)
                assert messages.decode(errors[0].payload, ErrorReply).reason == reason
    assert _running(fleet)


def test_texts_without_end_are_refused_in_few_words_and_few_lines(fleet: Fleet) -> None:
    """A frame whose device name has 20 MB, and topics as long as MQTT has them, of which each could be a line."""
    bridge = next(service for service in fleet.services.started if service.name == "bridge")
    before, job = bridge.log.stat().st_size, _job()
    frame = Burst(1, "\x01" * 20_000_000, job, "0" * 64, "0" * 64, 0.0, b"")
    with fleet.client("cam-a", "blindsight/v1/cam-a/errors/+") as (connection, errors):
        connection.publish_confirmed(topics.frames("cam-a", job), messages.encode(frame), 30)
        wait_for("an error reply", lambda: errors)
        for _ in range(200):  # more than may wait of a device, so some are dropped
            connection.publish("blindsight/v1/cam-a/frames/" + "\U0001f600" * 16_000, b"x")
        wait_for("a line about them", lambda: bridge.log.read_text().count("refused a message") > 0)
    reply = messages.decode(errors[0].payload, ErrorReply)
    assert (reply.job, reply.reason) == (job, "malformed")
    assert _running(fleet)
    assert bridge.log.stat().st_size - before < 10_000


def test_a_frame_for_a_plan_that_nobody_serves_is_answered_with_those_that_are(
    fleet: Fleet, keyed_device: tuple[str, str, bytes]
) -> None:
    device, key_set, ciphertext = keyed_device
    reply = _send(fleet, device, key_set, "0" * 64, ciphertext)
    assert (reply.reason, reply.retry, reply.retry_in) == ("unknown-plan", True, 10)
    assert fleet.plan.head.hash[:12] in reply.detail


def test_a_frame_under_a_key_that_is_not_there_is_to_be_retried(
    fleet: Fleet, keyed_device: tuple[str, str, bytes]
) -> None:
    device, _, ciphertext = keyed_device
    reply = _send(fleet, device, "1" * 64, fleet.plan.head.hash, ciphertext)
    assert (reply.reason, reply.retry) == ("unknown-key", True)


def test_a_frame_that_was_begun_three_times_without_an_answer_is_parked(
    fleet: Fleet, keyed_device: tuple[str, str, bytes]
) -> None:
    device, key_set, ciphertext = keyed_device
    job = _job(ciphertext)
    fleet.redis().set(redis_keys.attempts_key(device, job), 3)
    reply = _send(fleet, device, key_set, fleet.plan.head.hash, ciphertext, job)
    assert (reply.reason, reply.retry) == ("failed", False)


def test_a_ciphertext_that_changed_on_its_way_is_to_be_sent_again(
    fleet: Fleet, keyed_device: tuple[str, str, bytes]
) -> None:
    device, key_set, ciphertext = keyed_device
    reply = _send(fleet, device, key_set, fleet.plan.head.hash, ciphertext[:-1] + b"\0", _job(ciphertext))
    assert (reply.reason, reply.retry) == ("corrupted", True)
    assert not fleet.redis().exists(redis_keys.blob_key(device, reply.job))


def test_keys_that_were_damaged_in_redis_are_to_be_uploaded_again(
    fleet: Fleet, keyed_device: tuple[str, str, bytes]
) -> None:
    device, key_set, ciphertext = keyed_device
    store, damaged = fleet.redis(), "3" * 64
    keys = store.get(redis_keys.keys_key(device, key_set))
    announced = store.get(redis_keys.keys_digest_key(device, key_set))
    store.set(redis_keys.keys_key(device, damaged), bytes([keys[0] ^ 1]) + keys[1:])
    store.set(redis_keys.keys_digest_key(device, damaged), announced)
    reply = _send(fleet, device, damaged, fleet.plan.head.hash, ciphertext)
    assert (reply.reason, reply.retry) == ("unknown-key", True)
    assert not store.exists(redis_keys.keys_key(device, damaged))


def test_keys_made_for_another_plan_are_refused_by_name(
    fleet: Fleet, keyed_device: tuple[str, str, bytes], tmp_path: Path
) -> None:
    device, _, ciphertext = keyed_device
    other = create_key_set(msgspec.structs.replace(fleet.plan.head, rotations={1: 0}), tmp_path / "other")
    fleet.redis().set(redis_keys.keys_key(device, other.fingerprint), other.evaluation_keys())
    reply = _send(fleet, device, other.fingerprint, fleet.plan.head.hash, ciphertext)
    assert (reply.reason, reply.retry) == ("unfit-key", False)
    assert "blindsight keys create" in reply.detail


def test_an_upload_that_is_not_keys_is_refused_at_its_first_chunk(fleet: Fleet) -> None:
    """It claims 490 MB of zeros: the bridge would have gathered them, and read all at once."""
    topic = topics.keys("cam-a", "5" * 64, 0)
    with fleet.client("cam-a", "blindsight/v1/cam-a/keys-ack/+") as (connection, acks):
        chunk = KeyChunk(1, 490_000_000, "0" * 64, bytes(512 * 1024))
        connection.publish_confirmed(topic, messages.encode(chunk), 10)
        wait_for("an acknowledgement", lambda: acks)
    assert "not evaluation keys" in str(messages.decode(acks[0].payload, KeyAck).error)
    assert not fleet.redis().exists(redis_keys.upload_key("cam-a", "5" * 64))


def test_keys_that_were_damaged_before_their_upload_end_in_a_dead_letter_and_are_forgotten(
    fleet: Fleet, keyed_device: tuple[str, str, bytes]
) -> None:
    device, key_set, ciphertext = keyed_device
    store, damaged = fleet.redis(), "2" * 64
    keys = store.get(redis_keys.keys_key(device, key_set))
    store.set(redis_keys.keys_key(device, damaged), keys[:-1000] + b"\xff" * 1000)
    reply = _send(fleet, device, damaged, fleet.plan.head.hash, ciphertext)
    assert (reply.reason, reply.retry) == ("unfit-key", False)
    assert not store.exists(redis_keys.keys_key(device, damaged))


def _send(fleet: Fleet, device: str, key_set: str, plan: str, ciphertext: bytes, job: str | None = None) -> ErrorReply:
    """Publish a frame as the device and wait for its error reply."""
    job = job or _job(ciphertext)
    frame = Burst(1, device, job, key_set, plan, time.time(), ciphertext)
    with fleet.client(device, f"blindsight/v1/{device}/errors/+") as (connection, errors):
        connection.publish_confirmed(topics.frames(device, job), messages.encode(frame), 10)
        wait_for("an error reply", lambda: errors)
    reply = messages.decode(errors[0].payload, ErrorReply)
    assert reply.job == job
    return reply


def _job(ciphertext: bytes = b"") -> str:
    return f"{time.time_ns() % 10**9:09d}-{digest_of(ciphertext)}"


def _running(fleet: Fleet) -> bool:
    return all(service.running for service in fleet.services.started if service.name in ("bridge", "worker"))
