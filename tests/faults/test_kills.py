"""Real processes are killed while a device sends; every frame is answered once, in order, and rightly.

With one frame in a ciphertext, and with several, the last burst not full.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from blindsight.servers import start_servers
from edge.outbox import Outbox
from tests.integration.fleet import Fleet, make_fleet, wait_for, write_pictures
from tests.plans import digits

pytestmark = [pytest.mark.slow, pytest.mark.mosquitto]

FRAMES = 13


@pytest.fixture
def fleet(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Fleet]:
    """With as many frames in a ciphertext as the test's parameter says."""
    servers = start_servers(tmp_path / "servers", ["cam-a"])
    fleet = make_fleet(servers, tmp_path, digits(request.param))
    fleet.start_bridge()
    fleet.start_worker()
    yield fleet
    fleet.services.stop()
    servers.stop()


def kill(fleet: Fleet, name: str) -> None:
    """SIGKILL a service and its children, then start it again as a supervisor would."""
    service = next(s for s in fleet.services.started if s.name == name and s.running)
    os.killpg(service.process.pid, signal.SIGKILL)
    service.process.wait()
    fleet.services.started.remove(service)
    {"bridge": fleet.start_bridge, "worker": fleet.start_worker}[name]()


def kill_worker_child(fleet: Fleet) -> None:
    """SIGKILL the process that evaluates; its parent gives the task to a new one."""
    worker = next(s for s in fleet.services.started if s.name == "worker" and s.running)
    children = Path(f"/proc/{worker.process.pid}/task/{worker.process.pid}/children").read_text().split()
    assert children
    for child in children:
        os.kill(int(child), signal.SIGKILL)


def restart(name: str) -> Callable[[Fleet], None]:
    def fault(fleet: Fleet) -> None:
        fleet.servers.kill(name)
        time.sleep(0.5)
        fleet.servers.start(name)

    return fault


def forget(fleet: Fleet) -> None:
    fleet.redis().flushall()


FAULTS: dict[str, Callable[[Fleet], None]] = {
    "worker killed": lambda fleet: kill(fleet, "worker"),
    "worker's child killed": kill_worker_child,
    "bridge killed": lambda fleet: kill(fleet, "bridge"),
    "broker killed": restart("mqtt"),
    "Redis killed": restart("redis"),
    "Redis emptied": forget,
}


@pytest.mark.parametrize(
    ("fleet", "fault"),
    [*((1, fault) for fault in FAULTS), (4, "worker killed"), (4, "worker's child killed"), (4, "Redis emptied")],
    indirect=["fleet"],
)
def test_no_frame_is_lost_or_labelled_twice_when(fleet: Fleet, fault: str, tmp_path: Path) -> None:
    truth = write_pictures(tmp_path / "camera", range(FRAMES))
    device = fleet.start_device("cam-a", tmp_path / "camera", "--retry-after", "3", "--rate", "4", "--exit-when-done")
    wait_for("the first labels", lambda: len(fleet.results("cam-a")) >= 2)
    FAULTS[fault](fleet)
    assert device.process.wait(120) == 0, device.tail()
    _check(fleet, truth)


@pytest.mark.parametrize("fleet", [1, 4, 16], indirect=True)
def test_no_frame_is_lost_or_labelled_twice_when_the_device_is_killed(fleet: Fleet, tmp_path: Path) -> None:
    truth = write_pictures(tmp_path / "camera", range(4 * FRAMES))
    device = fleet.start_device("cam-a", tmp_path / "camera", "--rate", "12")
    wait_for("the first labels", lambda: len(fleet.results("cam-a")) >= 2)
    device.process.kill()
    device.process.wait()
    accepted = _accepted(fleet)
    fleet.services.started.remove(device)
    (tmp_path / "none").mkdir()
    write_pictures(tmp_path / "none", range(1))
    again = fleet.start_device("cam-a", tmp_path / "none", "--exit-when-done")
    assert again.process.wait(120) == 0, again.tail()
    results = fleet.results("cam-a")
    assert len(results) == accepted + 1
    assert [result.source for result in results[:-1]] == [f"{number:04d}.png" for number in range(accepted)]
    assert [result.label for result in results[:-1]] == truth[:accepted]
    assert [result.counter for result in results] == sorted({result.counter for result in results})


def _check(fleet: Fleet, truth: list[str]) -> None:
    results = fleet.results("cam-a")
    assert [result.source for result in results] == [f"{number:04d}.png" for number in range(FRAMES)]
    assert [result.label for result in results] == truth
    outbox = Outbox(fleet.folder / "cam-a" / "outbox.sqlite", 10**9)
    counts = outbox.counts()
    outbox.close()
    assert (counts.accepted, counts.answered, counts.pending, counts.parked) == (FRAMES, FRAMES, 0, 0)


def _accepted(fleet: Fleet) -> int:
    outbox = Outbox(fleet.folder / "cam-a" / "outbox.sqlite", 10**9)
    accepted = outbox.counts().accepted
    outbox.close()
    return accepted
