"""Frames through real Mosquitto, Redis, Celery and Pyfhel, and what the pipeline does about bad input."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from blindsight.servers import Servers, start_servers
from common import messages, tasks, topics
from common.ciphertext import digest_of
from common.keys import create_key_set, load_key_set
from common.messages import ErrorReply, Frame
from edge.encryption import FrameCipher
from models.catalogue import load_samples
from tests.integration.fleet import Fleet, make_fleet, wait_for, write_pictures

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fleet(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fleet = make_fleet(servers, tmp_path_factory.mktemp("fleet"))
    fleet.start_bridge()
    fleet.start_worker()
    yield fleet
    fleet.services.stop()


def test_every_frame_is_labelled_once_and_in_order_of_capture(fleet: Fleet, tmp_path: Path) -> None:
    truth = write_pictures(tmp_path / "camera", range(12))
    device = fleet.start_device("cam-a", tmp_path / "camera", "--exit-when-done")
    assert device.process.wait(90) == 0, device.tail()
    results = fleet.results("cam-a")
    assert [result.source for result in results] == [f"{number:04d}.png" for number in range(12)]
    assert [result.label for result in results] == truth
    assert [result.counter for result in results] == sorted({result.counter for result in results})


def test_a_device_whose_keys_the_fleet_forgot_uploads_them_again(fleet: Fleet, tmp_path: Path) -> None:
    store = fleet.redis()
    write_pictures(tmp_path / "camera", range(12, 16))
    device = fleet.start_device("cam-b", tmp_path / "camera", "--rate", "1", "--exit-when-done")
    wait_for("the first label", lambda: fleet.results("cam-b"))
    store.delete(*store.keys("blindsight:keys:cam-b:*"))
    _restart_worker(fleet)  # it had the keys in memory
    assert device.process.wait(90) == 0, device.tail()
    assert len(fleet.results("cam-b")) == 4
    assert store.keys("blindsight:keys:cam-b:*")


def test_an_upload_of_keys_goes_on_where_it_was_cut(fleet: Fleet, tmp_path: Path) -> None:
    store = fleet.redis()
    write_pictures(tmp_path / "camera", range(1))
    state = fleet.folder / "cam-c"
    first = fleet.start_device("cam-c", tmp_path / "camera")
    wait_for("a part of the keys", lambda: _uploaded(fleet, "cam-c") > 0)
    first.process.kill()
    first.process.wait()
    part = _uploaded(fleet, "cam-c")
    second = fleet.start_device("cam-c", tmp_path / "camera", "--exit-when-done", state=state)
    wait_for("more of the keys", lambda: _uploaded(fleet, "cam-c") != part)
    wait_for("a label", lambda: fleet.results("cam-c"))
    assert store.keys("blindsight:keys:cam-c:*")
    second.process.wait(30)


def test_a_repeated_frame_gets_its_label_again_without_a_second_evaluation(fleet: Fleet, tmp_path: Path) -> None:
    write_pictures(tmp_path / "camera", range(1))
    device = fleet.start_device("cam-d", tmp_path / "camera")
    with fleet.client("bridge", "blindsight/v1/cam-d/frames/+") as (_, frames):
        wait_for("the label", lambda: fleet.results("cam-d"))
        wait_for("the frame", lambda: frames)
    device.process.terminate()
    assert device.process.wait(20) == 0
    with fleet.client("cam-d", "blindsight/v1/cam-d/labels/+") as (connection, labels):
        connection.publish_confirmed(frames[0].topic, frames[0].payload, 10)
        wait_for("the label again", lambda: labels)
    repeated = messages.decode(labels[0].payload, messages.Label)
    store = fleet.redis()
    kept = messages.decode(store.get(f"blindsight:result:cam-d:{repeated.job}"), messages.Label)
    assert repeated == kept


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
                wait_for("an error reply", lambda: errors)
                assert messages.decode(errors[0].payload, ErrorReply).reason == reason
    assert _running(fleet)


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
    fleet.redis().set(tasks.attempts_key(device, job), 3)
    reply = _send(fleet, device, key_set, fleet.plan.head.hash, ciphertext, job)
    assert (reply.reason, reply.retry) == ("failed", False)


def test_a_ciphertext_that_changed_on_its_way_is_to_be_sent_again(
    fleet: Fleet, keyed_device: tuple[str, str, bytes]
) -> None:
    device, key_set, ciphertext = keyed_device
    reply = _send(fleet, device, key_set, fleet.plan.head.hash, ciphertext[:-1] + b"\0", _job(ciphertext))
    assert (reply.reason, reply.retry) == ("corrupted", True)
    assert not fleet.redis().exists(tasks.blob_key(device, reply.job))


def test_keys_that_were_damaged_in_redis_are_to_be_uploaded_again(
    fleet: Fleet, keyed_device: tuple[str, str, bytes]
) -> None:
    device, key_set, ciphertext = keyed_device
    store, damaged = fleet.redis(), "3" * 64
    keys = store.get(tasks.keys_key(device, key_set))
    announced = store.get(tasks.keys_digest_key(device, key_set))
    store.set(tasks.keys_key(device, damaged), bytes([keys[0] ^ 1]) + keys[1:])
    store.set(tasks.keys_digest_key(device, damaged), announced)
    reply = _send(fleet, device, damaged, fleet.plan.head.hash, ciphertext)
    assert (reply.reason, reply.retry) == ("unknown-key", True)
    assert not store.exists(tasks.keys_key(device, damaged))


def test_keys_made_for_another_plan_are_refused_by_name(
    fleet: Fleet, keyed_device: tuple[str, str, bytes], tmp_path: Path
) -> None:
    device, _, ciphertext = keyed_device
    other = create_key_set(msgspec.structs.replace(fleet.plan.head, rotations={1: 0}), tmp_path / "other")
    fleet.redis().set(tasks.keys_key(device, other.fingerprint), other.evaluation_keys())
    reply = _send(fleet, device, other.fingerprint, fleet.plan.head.hash, ciphertext)
    assert (reply.reason, reply.retry) == ("unfit-key", False)
    assert "blindsight keys create" in reply.detail


def test_keys_that_were_damaged_before_their_upload_end_in_a_dead_letter_and_are_forgotten(
    fleet: Fleet, keyed_device: tuple[str, str, bytes]
) -> None:
    device, key_set, ciphertext = keyed_device
    store, damaged = fleet.redis(), "2" * 64
    keys = store.get(tasks.keys_key(device, key_set))
    store.set(tasks.keys_key(device, damaged), keys[:-1000] + b"\xff" * 1000)
    reply = _send(fleet, device, damaged, fleet.plan.head.hash, ciphertext)
    assert (reply.reason, reply.retry) == ("unfit-key", False)
    assert not store.exists(tasks.keys_key(device, damaged))


def test_an_unreadable_picture_and_one_of_the_wrong_size_are_skipped_and_said(fleet: Fleet, tmp_path: Path) -> None:
    write_pictures(tmp_path / "camera", range(2))
    (tmp_path / "camera" / "0000-broken.png").write_bytes(b"this is no picture")
    Image.new("L", (640, 480)).save(tmp_path / "camera" / "0000-large.png")
    device = fleet.start_device("cam-e", tmp_path / "camera", "--exit-when-done")
    assert device.process.wait(60) == 0, device.tail()
    log = device.log.read_text()
    assert "0000-broken.png" in log and "0000-large.png" in log and "--resize" in log
    assert len(fleet.results("cam-e")) == 2


def test_without_a_broker_a_device_says_so_and_goes_on_when_it_comes(tmp_path: Path) -> None:
    servers = start_servers(tmp_path / "servers", ["cam-a"])
    fleet = make_fleet(servers, tmp_path)
    try:
        servers.stop()
        write_pictures(tmp_path / "camera", range(2))
        device = fleet.start_device("cam-a", tmp_path / "camera", "--exit-when-done")
        bridge, worker = fleet.start_bridge(), fleet.start_worker()
        for service, missing in ((device, "no MQTT broker at"), (bridge, "no Redis at"), (worker, "no MQTT broker at")):
            wait_for(f"{service.name}'s warning", lambda s=service, m=missing: m in s.log.read_text())
        assert all(service.running for service in (device, bridge, worker))
        servers.start("redis")
        servers.start("mqtt")
        assert device.process.wait(90) == 0, device.tail()
        assert len(fleet.results("cam-a")) == 2
    finally:
        fleet.services.stop()
        servers.stop()


def test_the_secret_key_is_nowhere_but_on_its_device(
    fleet: Fleet, keyed_device: tuple[str, str, bytes], tmp_path: Path
) -> None:
    secret = (fleet.folder / "cam-f" / "keys" / "secret.key").read_bytes()
    pieces = [secret[start : start + 32] for start in range(1000, len(secret) - 32, len(secret) // 20)]
    write_pictures(tmp_path / "camera", range(2))
    with fleet.client("bridge", "blindsight/v1/+/frames/+", "blindsight/v1/+/keys/+/+") as (_, published):
        device = fleet.start_device("cam-f", tmp_path / "camera", "--log-level", "debug", "--exit-when-done")
        assert device.process.wait(60) == 0, device.tail()
        wait_for("the frames", lambda: len(published) >= 2)
    store = fleet.redis()
    seen = [message.payload for message in published]
    seen += [store.get(key) or b"" for key in store.scan_iter() if store.type(key) == b"string"]
    seen += [path.read_bytes() for path in fleet.folder.glob("*.log")]
    seen += [
        path.read_bytes() for path in fleet.folder.glob("cam-f/**/*") if path.is_file() and path.name != "secret.key"
    ]
    assert len(seen) > 5
    assert not any(piece in data for piece in pieces for data in seen)


@pytest.mark.mosquitto
def test_of_two_devices_with_one_id_the_first_stops_and_says_why(fleet: Fleet, tmp_path: Path) -> None:
    write_pictures(tmp_path / "camera", range(1))
    first = fleet.start_device("cam-g", tmp_path / "camera", "--loop", "--rate", "1", state=tmp_path / "first")
    wait_for("the first label", lambda: _size(tmp_path / "first" / "results.jsonl"))
    second = fleet.start_device("cam-g", tmp_path / "camera", "--loop", "--rate", "1", state=tmp_path / "second")
    assert first.process.wait(60) == 1
    assert "another device is online as 'cam-g'" in first.log.read_text()
    wait_for("the second device's label", lambda: _size(tmp_path / "second" / "results.jsonl"))
    second.process.terminate()
    assert second.process.wait(20) == 0


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


def _send(fleet: Fleet, device: str, key_set: str, plan: str, ciphertext: bytes, job: str | None = None) -> ErrorReply:
    """Publish a frame as the device and wait for its error reply."""
    job = job or _job(ciphertext)
    frame = Frame(1, device, job, key_set, plan, time.time(), ciphertext)
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


def _restart_worker(fleet: Fleet) -> None:
    worker = next(s for s in fleet.services.started if s.name == "worker" and s.running)
    worker.process.terminate()
    assert worker.process.wait(30) == 0
    fleet.services.started.remove(worker)
    fleet.start_worker()


def _uploaded(fleet: Fleet, device: str) -> int:
    store = fleet.redis()
    return sum(store.strlen(key) for key in store.keys(f"blindsight:upload:{device}:*"))


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
