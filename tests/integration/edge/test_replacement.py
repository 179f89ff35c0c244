"""A device gets another plan while frames of the earlier one are in its outbox: each gets its own plan's label."""

from pathlib import Path

import msgspec
import pytest

from blindsight.demo.servers import Servers
from common.plan.plan import Plan
from edge.outbox.dead_letters import DeadLetters, find_outbox
from tests.integration.fleet import Fleet, make_fleet, wait_for, write_pictures

pytestmark = pytest.mark.slow

#: Names of the same labels under the new plans, so that a frame read by the wrong plan shows.
LETTERS = tuple("abcdefghij")


def held(fleet: Fleet, device: str) -> int:
    state = fleet.folder / device
    if not (state / "outbox.sqlite").exists():
        return 0
    letters = DeadLetters(find_outbox(state))
    found = len(letters.entries())
    letters.close()
    return found


def test_frames_of_the_earlier_plan_get_its_labels(servers: Servers, tmp_path: Path) -> None:
    """cam-a's new plan works with the key set it has, cam-b's needs a rotation key more."""
    fleet = make_fleet(servers, tmp_path)
    head = fleet.plan.head
    step = next(step for step in range(1, 4096) if step not in head.rotations)
    new = {
        "cam-a": msgspec.structs.replace(head, labels=LETTERS),
        "cam-b": msgspec.structs.replace(head, labels=LETTERS, rotations={**head.rotations, step: 0}),
    }
    old_truth, new_truth = write_pictures(tmp_path / "old", range(3)), write_pictures(tmp_path / "new", range(3, 6))
    plans = [fleet.plan_file]
    try:
        early = [fleet.start_device(name, tmp_path / "old") for name in new]  # nobody answers yet
        for device, name in zip(early, new, strict=True):
            wait_for("the frames", lambda name=name: held(fleet, name) == 3)
            device.process.terminate()
            assert device.process.wait(20) == 0
        for name, other in new.items():
            plans.append(tmp_path / f"{name}.plan")
            Plan(other, fleet.plan.stages).save(plans[-1])
        fleet.start_bridge()
        served = [argument for path in plans for argument in ("--plans", str(path))]
        fleet.services.start("worker", ["worker", *served], fleet.environment("worker"))
        late = [
            fleet.start_device(name, tmp_path / "new", "--plan", str(tmp_path / f"{name}.plan"), "--exit-when-done")
            for name in new
        ]
        for device, name in zip(late, new, strict=True):
            assert device.process.wait(120) == 0, device.tail()
            labels = [result.label for result in fleet.results(name)]
            assert labels == [*old_truth, *(LETTERS[int(label)] for label in new_truth)]
    finally:
        fleet.services.stop()
    assert len(list((tmp_path / "cam-a" / "keys").glob("**/secret.key"))) == 1
    assert len(list((tmp_path / "cam-b" / "keys").glob("**/secret.key"))) == 2
