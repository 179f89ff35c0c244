"""Workers that answer without looking are found out by frames whose labels are known; honest ones are not accused."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from blindsight.demo.processes import Service, start_child
from blindsight.demo.servers import Servers
from common.wire.status import Status, decode_status
from models.catalogue import model_folder
from tests.integration.fleet import Fleet, make_fleet, wait_for, write_pictures
from tests.plans import digits

pytestmark = pytest.mark.slow

FRAMES = 20  # so that a coin decides a test about once in a million runs

Start = Callable[[str, int], Fleet]


@pytest.fixture
def start_fleet(servers: Servers, tmp_path: Path) -> Iterator[Start]:
    """Starts a bridge and a worker, honest or not, for a plan with so many frames in a ciphertext."""
    running: list[Fleet] = []

    def start(worker: str, frames_per_ciphertext: int) -> Fleet:
        fleet = make_fleet(servers, tmp_path, digits(frames_per_ciphertext))
        running.append(fleet)
        fleet.start_bridge()
        if worker == "honest":
            fleet.start_worker()
        else:
            start_cheat(fleet, worker)
        return fleet

    yield start
    for fleet in running:
        fleet.services.stop()


def start_cheat(fleet: Fleet, kind: str) -> None:
    command = [sys.executable, "-m", "tests.integration.cheating_worker", kind, "worker"]
    command += ["--plans", str(fleet.plan_file)]
    log = fleet.folder / "worker.log"
    with log.open("ab") as file:
        environment = {**os.environ, **fleet.environment("worker")}
        process = start_child(command, file, env=environment, cwd=Path(__file__).parents[3])
    fleet.services.started.append(Service("worker", process, log))


def run(fleet: Fleet, device: str) -> tuple[list[dict[str, object]], Status]:
    """Let a device with known answers send its frames; its log, and the status that it leaves."""
    known = fleet.folder / "known"
    make = [sys.executable, "-m", "blindsight", "known-answers", "create", str(known)]
    make += ["--model", "digits", "--data", str(model_folder("digits") / "samples")]
    make += ["--plan", str(fleet.head_file), "--check-rate", "0.5"]
    subprocess.run(make, check=True, capture_output=True)
    write_pictures(fleet.folder / "camera", range(FRAMES))
    options = ["--known-answers", str(known), "--log-json", "--exit-when-done"]
    running = fleet.start_device(device, fleet.folder / "camera", *options)
    assert running.process.wait(120) == 0, running.tail()
    with fleet.client("bridge", f"blindsight/v1/{device}/status") as (_, received):
        wait_for("the status", lambda: received)
    log = [json.loads(line) for line in running.log.read_text().splitlines()]
    return log, decode_status(received[-1].payload)


@pytest.mark.parametrize(
    ("worker", "frames_per_ciphertext", "device"),
    [("replaying", 1, "cam-a"), ("favouring", 1, "cam-b"), ("favouring", 4, "cam-c")],
)
def test_a_worker_that_answers_without_looking_raises_alarms(
    start_fleet: Start, worker: str, frames_per_ciphertext: int, device: str
) -> None:
    fleet = start_fleet(worker, frames_per_ciphertext)
    log, status = run(fleet, device)
    alarms = [line for line in log if line["event"] == "alarm"]
    assert alarms
    assert {line["level"] for line in alarms} == {"error"}
    assert all(line["got"] != line["expected"] for line in alarms)
    assert status.alarms == len(alarms)
    results = fleet.results(device)
    assert [result.source for result in results] == [f"{number:04d}.png" for number in range(FRAMES)]


@pytest.mark.parametrize(("frames_per_ciphertext", "device"), [(1, "cam-d"), (4, "cam-e")])
def test_an_honest_worker_raises_none_though_it_was_checked(
    start_fleet: Start, frames_per_ciphertext: int, device: str
) -> None:
    fleet = start_fleet("honest", frames_per_ciphertext)
    log, status = run(fleet, device)
    assert status.accepted > FRAMES  # so there were checks
    assert (status.answered, status.alarms) == (status.accepted, 0)
    assert not [line for line in log if line["event"] == "alarm"]
    results = fleet.results(device)
    assert [result.source for result in results] == [f"{number:04d}.png" for number in range(FRAMES)]


def test_a_device_refuses_known_answers_that_are_not_there(start_fleet: Start, tmp_path: Path) -> None:
    fleet = start_fleet("honest", 1)
    write_pictures(tmp_path / "camera", range(1))
    device = fleet.start_device("cam-f", tmp_path / "camera", "--known-answers", str(tmp_path / "none"))
    assert device.process.wait(60) == 1
    assert "known_answers is" in device.log.read_text()
    fleet.services.started.remove(device)
