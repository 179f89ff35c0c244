"""Workers are killed exactly where it hurts, and frames that kill them are put away."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from blindsight.demo.processes import Service, start_child
from blindsight.demo.servers import Servers, start_servers
from tests.faults.mined_worker import MINES
from tests.integration.fleet import Fleet, make_fleet, wait_for, write_pictures

pytestmark = pytest.mark.slow

FRAMES = 4
#: The device sends nothing twice on its own account, unless a test says so.
PATIENT = ("--retry-after", "100", "--exit-when-done")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    running = start_servers(tmp_path_factory.mktemp("servers"), ["cam-a", "cam-b", "cam-c"])
    yield running
    running.stop()


@pytest.fixture
def fleet(servers: Servers, tmp_path: Path) -> Iterator[Fleet]:
    fleet = make_fleet(servers, tmp_path)
    (tmp_path / "mines").mkdir()
    fleet.start_bridge()
    yield fleet
    fleet.services.stop()


def lay(fleet: Fleet, *mines: str) -> None:
    for mine in mines:
        (fleet.folder / "mines" / mine).touch()


def lie(fleet: Fleet) -> list[str]:
    return [mine.name for mine in (fleet.folder / "mines").iterdir()]


def start_mined_worker(fleet: Fleet) -> Service:
    command = [sys.executable, "-m", "tests.faults.mined_worker", "worker"]
    command += ["--plans", str(fleet.plan_file), "--time-limit", "3"]
    log = fleet.folder / "worker.log"
    environment = {**os.environ, **fleet.environment("worker"), MINES: str(fleet.folder / "mines")}
    with log.open("ab") as file:
        process = start_child(command, file, env=environment, cwd=Path(__file__).parents[2])
    service = Service("worker", process, log)
    fleet.services.started.append(service)
    return service


def test_a_frame_whose_evaluation_or_acknowledgement_was_cut_off_comes_again_at_once(fleet: Fleet) -> None:
    truth = write_pictures(fleet.folder / "camera", range(FRAMES))
    lay(fleet, "begun", "answered")
    start_mined_worker(fleet)
    device = fleet.start_device("cam-a", fleet.folder / "camera", *PATIENT)
    assert device.process.wait(60) == 0, device.tail()
    assert lie(fleet) == []
    assert [result.label for result in fleet.results("cam-a")] == truth
    assert not fleet.redis().keys("blindsight:attempts:*")


def test_a_frame_that_was_popped_and_never_recorded_is_sent_again_by_its_device(fleet: Fleet) -> None:
    truth = write_pictures(fleet.folder / "camera", range(FRAMES))
    lay(fleet, "popped")
    worker = start_mined_worker(fleet)
    device = fleet.start_device("cam-b", fleet.folder / "camera", "--retry-after", "3", "--exit-when-done")
    wait_for("the worker's death", lambda: not worker.running)
    start_mined_worker(fleet)
    assert device.process.wait(60) == 0, device.tail()
    assert [result.label for result in fleet.results("cam-b")] == truth


def test_a_frame_that_kills_its_worker_each_time_is_put_away_after_three_evaluations(fleet: Fleet) -> None:
    truth = write_pictures(fleet.folder / "camera", range(FRAMES))
    lay(fleet, "begun-cam-c:00000002")
    worker = start_mined_worker(fleet)
    device = fleet.start_device("cam-c", fleet.folder / "camera", *PATIENT)
    assert device.process.wait(60) == 0, device.tail()
    labels = {result.counter: result.label for result in fleet.results("cam-c")}
    assert labels == {counter: label for counter, label in enumerate(truth) if counter != 2}
    assert "begun 3 times and never finished" in worker.log.read_text()
