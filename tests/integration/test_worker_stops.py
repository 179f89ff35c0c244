"""Workers that are told to stop lose nothing, and keep nobody waiting: restarted one by one, or with another plan."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from blindsight.processes import Service
from blindsight.servers import Servers
from common.registry import Registry
from tests.integration.fleet import Fleet, make_fleet, wait_for, write_pictures

pytestmark = pytest.mark.slow

FRAMES = 40
#: Neither the device's patience nor Redis's (three time limits) ends within a test.
SETTINGS = ("--time-limit", "100")


def stop(worker: Service) -> None:
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(30) == 0, worker.tail()


def answered(fleet: Fleet) -> int:
    return sum(worker.answered for worker in Registry(fleet.redis()).workers())


@pytest.fixture
def fleet(servers: Servers, tmp_path: Path) -> Iterator[Fleet]:
    fleet = make_fleet(servers, tmp_path)
    fleet.start_bridge()
    yield fleet
    fleet.services.stop()


def test_workers_restarted_one_by_one_answer_every_frame_once(fleet: Fleet, tmp_path: Path) -> None:
    truth = write_pictures(tmp_path / "camera", range(FRAMES))
    workers = [fleet.start_worker(*SETTINGS), fleet.start_worker(*SETTINGS)]
    device = fleet.start_device("cam-a", tmp_path / "camera", "--retry-after", "100", "--exit-when-done", "--rate", "5")
    wait_for("the first answers", lambda: answered(fleet) >= 2)
    for worker in workers:
        stop(worker)
        fleet.start_worker(*SETTINGS)
    assert device.process.wait(60) == 0, device.tail()
    assert [result.label for result in fleet.results("cam-a")] == truth


def test_a_frame_that_is_not_done_in_time_goes_to_another_worker_at_once(fleet: Fleet, tmp_path: Path) -> None:
    truth = write_pictures(tmp_path / "camera", range(FRAMES))
    worker = fleet.start_worker(*SETTINGS, "--stop-timeout", "0")
    device = fleet.start_device("cam-b", tmp_path / "camera", "--retry-after", "100", "--exit-when-done")
    wait_for("the first answers", lambda: answered(fleet) >= 2)
    stop(worker)
    fleet.start_worker(*SETTINGS)
    assert device.process.wait(60) == 0, device.tail()
    assert "handing them back" in worker.log.read_text()
    assert [result.label for result in fleet.results("cam-b")] == truth
