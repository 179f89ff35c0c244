"""Several frames of a device in one ciphertext, through real servers: small bursts, and the largest ones."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from blindsight.demo.servers import Servers
from common.ckks.ciphertext import digest_of
from common.plan.layers import Dense, Flatten
from common.plan.network import Network
from common.plan.plan import Plan
from common.plan.predictions import least_upload_bytes, upload_bytes
from common.wire import messages, topics
from common.wire.messages import Burst, ErrorReply
from compiler.compile import compile_network
from edge.outbox.entries import Counts
from edge.outbox.outbox import Outbox
from tests.integration.blindsight.test_demo import demo
from tests.integration.fleet import Fleet, make_fleet, wait_for, write_pictures
from tests.plans import digits

pytestmark = pytest.mark.slow

MakeFleet = Callable[[Plan], Fleet]


@pytest.fixture
def start_fleet(servers: Servers, tmp_path: Path) -> Iterator[MakeFleet]:
    """Starts a bridge and a worker for a plan."""
    started: list[Fleet] = []

    def start(plan: Plan) -> Fleet:
        fleet = make_fleet(servers, tmp_path, plan)
        started.append(fleet)
        fleet.start_bridge()
        fleet.start_worker()
        return fleet

    yield start
    for fleet in started:
        fleet.services.stop()


def padded(ciphertexts: int) -> Plan:
    """The shipped plan with so many input ciphertexts, of which it reads the first: as large as large bursts are."""
    plan = digits(1)
    head = msgspec.structs.replace(plan.head, input_layout=np.concatenate([plan.head.input_layout] * ciphertexts))
    return Plan(head, plan.stages)


def counts(fleet: Fleet, device: str) -> Counts:
    outbox = Outbox(fleet.folder / device / "outbox.sqlite", 10**9)
    found = outbox.counts()
    outbox.close()
    return found


@pytest.mark.parametrize(("frames_per_ciphertext", "device"), [(4, "cam-a"), (16, "cam-b")])
def test_every_frame_is_labelled_once_and_in_order_though_the_last_burst_is_not_full(
    start_fleet: MakeFleet, tmp_path: Path, frames_per_ciphertext: int, device: str
) -> None:
    fleet = start_fleet(digits(frames_per_ciphertext))
    truth = write_pictures(tmp_path / "camera", range(37))
    running = fleet.start_device(device, tmp_path / "camera", "--burst-wait", "60", "--exit-when-done")
    assert running.process.wait(120) == 0, running.tail()
    results = fleet.results(device)
    assert [result.source for result in results] == [f"{number:04d}.png" for number in range(37)]
    assert [result.label for result in results] == truth
    assert [result.counter for result in results] == list(range(37))
    bursts = list(Counter(result.job for result in results).values())
    assert bursts == [frames_per_ciphertext] * (37 // frames_per_ciphertext) + [37 % frames_per_ciphertext]
    found = counts(fleet, device)
    assert (found.accepted, found.answered, found.pending, found.parked) == (37, 37, 0, 0)
    totals: Counter[str] = Counter()
    for result in results:
        totals[result.job] += result.uplink_bytes  # each frame's share, rounded
    sizes = [upload_bytes(fleet.plan.head), least_upload_bytes(fleet.plan.head)]  # before and after its keys
    assert all(min(abs(total - size) for size in sizes) <= frames_per_ciphertext for total in totals.values())


def test_a_slow_camera_is_answered_in_time(start_fleet: MakeFleet, tmp_path: Path) -> None:
    fleet = start_fleet(digits(16))
    write_pictures(tmp_path / "camera", range(3))
    fleet.start_device("cam-c", tmp_path / "camera", "--rate", "0.2", "--burst-wait", "0.5")
    wait_for("the first label, long before the second frame's time is over", lambda: fleet.results("cam-c"), 30)
    assert len(fleet.results("cam-c")) == 1


@pytest.mark.mosquitto
def test_a_burst_of_55_mb_goes_all_the_way(start_fleet: MakeFleet, tmp_path: Path) -> None:
    plan = padded(176)
    assert 55_000_000 < upload_bytes(plan.head) < 58_000_000
    fleet = start_fleet(plan)
    truth = write_pictures(tmp_path / "camera", range(2))
    device = fleet.start_device("cam-d", tmp_path / "camera", "--retry-after", "60", "--exit-when-done")
    assert device.process.wait(120) == 0, device.tail()
    assert [(result.label, result.attempts) for result in fleet.results("cam-d")] == [(label, 1) for label in truth]


@pytest.mark.mosquitto
def test_a_burst_that_the_broker_does_not_take_is_refused_before_a_frame_is_accepted(
    start_fleet: MakeFleet, tmp_path: Path
) -> None:
    fleet = start_fleet(padded(220))
    write_pictures(tmp_path / "camera", range(2))
    device = fleet.start_device("cam-e", tmp_path / "camera", "--exit-when-done")
    assert device.process.wait(60) == 1
    log = " ".join(device.log.read_text().split())
    size = f"{upload_bytes(fleet.plan.head):,}"
    assert f"a burst has {size} bytes (frames in a ciphertext: 1), and the broker takes messages of up to" in log
    assert "67,107,840; compile the plan with fewer --frames-per-ciphertext" in log
    assert counts(fleet, "cam-e").accepted == 0


def test_an_outbox_smaller_than_a_burst_is_refused(start_fleet: MakeFleet, tmp_path: Path) -> None:
    fleet = start_fleet(digits(16))
    write_pictures(tmp_path / "camera", range(2))
    device = fleet.start_device("cam-f", tmp_path / "camera", "--outbox-mb", "1")
    assert device.process.wait(60) == 1
    megabytes = upload_bytes(fleet.plan.head) / 1e6
    log = " ".join(device.log.read_text().split())
    assert f"outbox_mb is 1, and a burst of 16 frames takes {megabytes:.1f} MB; raise --outbox-mb" in log


def test_a_burst_of_the_wrong_number_of_ciphertexts_is_refused(start_fleet: MakeFleet, tmp_path: Path) -> None:
    fleet = start_fleet(digits(16))
    write_pictures(tmp_path / "camera", range(1))
    device = fleet.start_device("cam-g", tmp_path / "camera", "--burst-wait", "0", "--exit-when-done")
    with fleet.client("bridge", "blindsight/v1/cam-g/frames/+") as (_, frames):
        assert device.process.wait(60) == 0, device.tail()
        wait_for("the frame", lambda: frames)
    frame = messages.decode(frames[0].payload, Burst)
    right = fleet.plan.head.input_ciphertexts
    one = frame.ciphertext[: len(frame.ciphertext) // right]
    with fleet.client("cam-g", "blindsight/v1/cam-g/errors/+") as (connection, errors):
        for ciphertexts in (0, 1, right - 1, right + 1):
            errors.clear()
            job = f"{ciphertexts:08d}-{digest_of(one * ciphertexts)}"
            hostile = msgspec.structs.replace(frame, job=job, ciphertext=one * ciphertexts)
            connection.publish_confirmed(topics.frames("cam-g", job), messages.encode(hostile), 10)
            wait_for("an error reply", lambda: errors)
            assert messages.decode(errors[0].payload, ErrorReply).reason == "malformed"
    assert all(service.running for service in fleet.services.started if service.name in ("bridge", "worker"))


def test_as_many_frames_as_slots_need_no_rotation(start_fleet: MakeFleet, tmp_path: Path) -> None:
    """An archive of pictures: 2048 of them in one burst, or as many as there are."""
    plan = compile_network(tiny(), noise(50), frames_per_ciphertext=2048)
    assert (plan.rotations, plan.head.parameters.slots) == (0, 2048)
    fleet = start_fleet(plan)
    network, frames = tiny(), noise(300)
    write_frames(tmp_path / "camera", frames)
    device = fleet.start_device("cam-h", tmp_path / "camera", "--burst-wait", "60", "--exit-when-done")
    assert device.process.wait(60) == 0, device.tail()
    results = fleet.results("cam-h")
    scores = network.scores(frames)
    clear = np.diff(np.sort(scores, axis=1)[:, -2:]).ravel() > 2 * plan.head.error_bound
    plain = [network.labels[index] for index in scores.argmax(axis=1)]
    assert len({result.job for result in results}) == 1
    assert [result.counter for result in results] == list(range(300))
    assert sum(clear) > 250
    assert all(r.label == label for r, label, is_clear in zip(results, plain, clear, strict=True) if is_clear)


def tiny() -> Network:
    rng = np.random.default_rng(0)
    return Network("tiny", (4, 4, 1), ("a", "b", "c"), (Flatten(), Dense(rng.normal(size=(3, 16)), np.zeros(3))))


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, 4, 4, 1), dtype=np.uint8)


def write_frames(folder: Path, frames: np.ndarray) -> None:
    from PIL import Image

    folder.mkdir()
    for number, frame in enumerate(frames):
        Image.fromarray(np.squeeze(frame)).save(folder / f"{number:04d}.png")


def test_the_demo_reports_what_a_frame_takes() -> None:
    done = demo("--model", "digits", "--frames-per-ciphertext", "4", "--devices", "2", "--frames", "21", "--json", "-")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["frames"], report["labelled"], report["duplicates"]) == (42, 42, 0)
    assert (report["agree_with_plain"], report["frames_per_ciphertext"]) == (42, 4)
    assert 0 < report["evaluate_ms_per_frame"] < report["stages_ms"]["evaluate"]
    assert report["uplink_bytes"] < 315_408
    assert "frames in a ciphertext: 4; up" in done.stderr
