"""Frames through real Mosquitto, Redis, Celery and Pyfhel, and what the pipeline does about bad input."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from blindsight.demo.servers import Servers, start_servers
from common.ckks import seeding
from common.plan.predictions import download_bytes, least_upload_bytes, upload_bytes
from common.wire import messages
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


@pytest.mark.skipif(seeding._extension() is None, reason="the engine has no SEAL here")
def test_once_the_fleet_has_taken_its_keys_with_seeds_a_device_sends_a_quarter_of_the_bytes(
    fleet: Fleet, tmp_path: Path
) -> None:
    truth = write_pictures(tmp_path / "camera", range(4))
    with fleet.client("bridge", "blindsight/v1/cam-h/frames/+") as (_, frames):
        device = fleet.start_device("cam-h", tmp_path / "camera", "--rate", "0.5", "--exit-when-done")
        assert device.process.wait(90) == 0, device.tail()
    assert [result.label for result in fleet.results("cam-h")] == truth
    bursts = [messages.decode(frame.payload, messages.Burst) for frame in frames]
    sizes = [len(burst.ciphertext) for burst in bursts]
    assert set(sizes) <= {upload_bytes(fleet.plan.head), least_upload_bytes(fleet.plan.head)}
    assert sizes[-1] == min(sizes) < 0.26 * upload_bytes(fleet.plan.head)
    assert bursts[-1].labels == "rounded"
    kept = messages.decode(fleet.redis().get(f"blindsight:result:cam-h:{bursts[-1].job}"), messages.EncryptedScores)
    assert len(kept.ciphertext) == download_bytes(fleet.plan.head, rounded=True)


def test_a_device_whose_keys_the_fleet_forgot_uploads_them_again(fleet: Fleet, tmp_path: Path) -> None:
    store = fleet.redis()
    write_pictures(tmp_path / "camera", range(12, 16))
    device = fleet.start_device("cam-b", tmp_path / "camera", "--rate", "1", "--exit-when-done")
    wait_for("the first label", lambda: fleet.results("cam-b"))
    store.delete(*store.keys("blindsight:keys*:cam-b:*"))  # with their SHA-256, by which a worker knows its files
    _restart_worker(fleet)  # it had the keys in memory
    assert device.process.wait(90) == 0, device.tail()
    assert len(fleet.results("cam-b")) == 4
    assert store.keys("blindsight:keys:cam-b:*")


def test_an_upload_of_keys_goes_on_where_it_was_cut(fleet: Fleet, tmp_path: Path) -> None:
    store = fleet.redis()
    write_pictures(tmp_path / "camera", range(1))
    state = fleet.folder / "cam-c"
    first = fleet.start_device("cam-c", tmp_path / "camera")
    wait_for("a part of the keys", lambda: _uploaded(fleet, "cam-c") > 0, every=0.002)  # all take a tenth of a second
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
    repeated = messages.decode(labels[0].payload, messages.EncryptedScores)
    store = fleet.redis()
    kept = messages.decode(store.get(f"blindsight:result:cam-d:{repeated.job}"), messages.EncryptedScores)
    assert repeated == kept


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


def test_the_secret_key_is_nowhere_but_on_its_device(fleet: Fleet, tmp_path: Path) -> None:
    write_pictures(tmp_path / "camera", range(2))
    with fleet.client("bridge", "blindsight/v1/+/frames/+", "blindsight/v1/+/keys/+/+") as (_, published):
        device = fleet.start_device("cam-f", tmp_path / "camera", "--log-level", "debug", "--exit-when-done")
        assert device.process.wait(60) == 0, device.tail()
        wait_for("keys and frames", lambda: {m.topic.split("/")[3] for m in published} == {"keys", "frames"})
    secret = (fleet.folder / "cam-f" / "keys" / "secret.key").read_bytes()
    pieces = [secret[start : start + 32] for start in range(1000, len(secret) - 32, len(secret) // 20)]
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
    wait_for("the second one's word", lambda: "another device was online under this id" in second.log.read_text())
    wait_for("the second device's label", lambda: _size(tmp_path / "second" / "results.jsonl"))
    second.process.terminate()
    assert second.process.wait(20) == 0


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
