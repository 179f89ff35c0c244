"""Workers that are told to stop lose nothing, and keep nobody waiting: restarted one by one, or with another plan."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from blindsight.demo.processes import Service
from blindsight.demo.servers import Servers
from common.fleet.redis_keys import queue_of
from common.fleet.registry import Registry
from common.plan.plan import Plan
from tests.integration.fleet import Fleet, make_fleet, wait_for, write_pictures

pytestmark = pytest.mark.slow

FRAMES = 40
#: Neither the device's patience nor Redis's (three time limits) ends within a test.
SETTINGS = ("--time-limit", "100")


def stop(worker: Service, number: signal.Signals = signal.SIGTERM) -> None:
    worker.process.send_signal(number)
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
    wait_for("both workers", lambda: workers[0].log.read_text().count(" ready.") == 2)  # it is the log of both
    wait_for("the first answers", lambda: answered(fleet) >= 2)
    for worker, number in zip(workers, (signal.SIGTERM, signal.SIGINT), strict=True):
        stop(worker, number)
        fleet.start_worker(*SETTINGS)
    said = workers[0].log.read_text()
    assert re.findall(r"stopping +signal=(\w+)", said) == ["SIGTERM", "SIGINT"]
    assert "answered" in said and "blindsight.evaluate[" not in said  # Celery doesn't tell of each task as well
    assert "superuser" not in said and ("runs as root" in said) == (os.geteuid() == 0)
    # What holds the secret key leaves no core file, and its memory is root's.
    limits = Path(f"/proc/{device.process.pid}/limits").read_text()
    assert re.search(r"^Max core file size +0 +0 ", limits, re.M)
    assert "its secret key isn't encrypted" in device.log.read_text()
    assert device.process.wait(60) == 0, device.tail()
    assert [result.label for result in fleet.results("cam-a")] == truth


def test_a_frame_that_is_not_done_in_time_goes_to_another_worker_at_once(fleet: Fleet, tmp_path: Path) -> None:
    truth = write_pictures(tmp_path / "camera", range(FRAMES))
    # The slow engine: the other may have answered all frames before it is told to stop.
    worker = fleet.start_worker(*SETTINGS, "--stop-timeout", "0", "--engine", "pyfhel")
    device = fleet.start_device("cam-b", tmp_path / "camera", "--retry-after", "100", "--exit-when-done")
    wait_for("the first answers", lambda: answered(fleet) >= 2)
    stop(worker)
    store = fleet.redis()
    assert not store.exists("unacked")
    assert {int(store.get(key)) for key in store.keys("blindsight:attempts:*")} <= {0}  # no attempt that failed
    fleet.start_worker(*SETTINGS)
    assert device.process.wait(60) == 0, device.tail()
    assert "handing them back" in worker.log.read_text()
    assert [result.label for result in fleet.results("cam-b")] == truth


def test_a_worker_whose_process_hangs_outside_of_a_task_ends_all_the_same(fleet: Fleet) -> None:
    """Celery would wait for it for ever: it ends those only that have a task."""
    worker = fleet.start_worker("--stop-timeout", "0")
    wait_for("the worker", lambda: " ready." in worker.log.read_text())
    (child,) = Path(f"/proc/{worker.process.pid}/task/{worker.process.pid}/children").read_text().split()
    os.kill(int(child), signal.SIGSTOP)
    worker.process.send_signal(signal.SIGTERM)
    worker.process.wait(30)
    assert "processes don't end; killing them" in worker.log.read_text()
    assert not Path(f"/proc/{child}").exists()


def test_a_plan_is_replaced_under_load_and_the_old_one_is_served_until_it_is_taken_away(
    fleet: Fleet, tmp_path: Path
) -> None:
    letters = tuple("abcdefghij")
    new = Plan(msgspec.structs.replace(fleet.plan.head, labels=letters), fleet.plan.stages)
    new.save(tmp_path / "new.plan")
    truth = write_pictures(tmp_path / "camera", range(FRAMES))
    pace = ("--retry-after", "100", "--exit-when-done", "--rate", "5")

    first = fleet.start_worker(*SETTINGS)
    old_device = fleet.start_device("cam-c", tmp_path / "camera", *pace)
    wait_for("the first answers", lambda: answered(fleet) >= 2)
    both = fleet.start_worker("--plans", str(tmp_path / "new.plan"), *SETTINGS)
    wait_for("the second worker", lambda: len(Registry(fleet.redis()).workers()) == 2)
    stop(first)
    new_device = fleet.start_device("cam-d", tmp_path / "camera", "--plan", str(tmp_path / "new.plan"), *pace)
    for device in (old_device, new_device):
        assert device.process.wait(60) == 0, device.tail()
    assert [result.label for result in fleet.results("cam-c")] == truth
    assert [result.label for result in fleet.results("cam-d")] == [letters[int(label)] for label in truth]

    stop(both)
    only_new = ["worker", "--plans", str(tmp_path / "new.plan")]
    fleet.services.start("worker", only_new, fleet.environment("worker"))
    wait_for("the last worker", lambda: Registry(fleet.redis()).workers())
    late = fleet.start_device("cam-c", tmp_path / "camera", "--deadline", "1", "--exit-when-done")
    assert late.process.wait(60) == 0, late.tail()
    assert len(fleet.results("cam-c")) == FRAMES
    assert "deadline" in late.log.read_text()


#: What a worker's parent does beside Celery, in a hurry; Celery itself takes nothing here.
STUCK = """
import logging, sys, time, redis
from common.fleet.registry import WorkerEntry
from workers import announcement
logging.basicConfig()
announcement._PATIENCE, announcement.ANNOUNCE_SECONDS = 0, 0.1
client = redis.Redis.from_url(sys.argv[1], password=sys.argv[2])
with announcement.Announcement(client, WorkerEntry("stuck", {"plan": "digits"}, 1, 0.0), time_limit=1):
    time.sleep(float(sys.argv[3]))
"""


def test_a_worker_that_takes_no_frames_although_some_wait_ends_with_an_error(fleet: Fleet) -> None:
    password = fleet.servers.redis_password_file.read_text().strip()
    command = [sys.executable, "-c", STUCK, fleet.servers.redis_url, password]
    assert subprocess.run([*command, "3"], check=False).returncode == 0
    fleet.redis().lpush(queue_of("plan"), "a task")
    ended = subprocess.run([*command, "30"], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "stuck: frames wait" in ended.stdout + ended.stderr
