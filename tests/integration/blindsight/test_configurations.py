"""The paper's configurations through the whole pipeline: each at every security level, its weights plain or sealed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.paper.configurations import Configuration
from blindsight.demo.processes import Service
from blindsight.demo.servers import Servers
from common.fleet.registry import Registry
from common.keys.key_set import create_key_set, load_public
from common.plan.network import Network
from common.plan.plan_file import load_head
from models.samples import load_samples
from models.sealing import head_path, seal_plan
from tests.configurations import LEVELS, plan_of
from tests.integration.fleet import Fleet, make_fleet, wait_for, write_pictures

pytestmark = pytest.mark.slow

SEALED = pytest.mark.parametrize("sealed", [False, True], ids=["plain weights", "sealed"])


@pytest.fixture(scope="module")
def fleet(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fleet = make_fleet(servers, tmp_path_factory.mktemp("fleet"))
    fleet.start_bridge()
    yield fleet
    fleet.services.stop()


@SEALED
@pytest.mark.parametrize(("configuration", "security"), LEVELS, ids=lambda value: getattr(value, "name", value))
def test_frames_are_labelled_as_in_plain(
    configuration: Configuration, security: int, sealed: bool, fleet: Fleet, tmp_path: Path
) -> None:
    plan, keys, file = plan_of(configuration, security, sealed), tmp_path / "keys", tmp_path / "served"
    create_key_set(plan.head, keys)
    if sealed:
        seal_plan(plan, load_public(keys), file, lambda _: None)
    else:
        plan.save(file)
        plan.save_head(head_path(file))
    write_pictures(tmp_path / "camera", range(2))
    scores = Network.load(configuration.weights).scores(load_samples("digits").frames[:2])
    expected = [plan.head.labels[index] for index in scores.argmax(axis=1)]
    worker = fleet.services.start("worker", ["worker", "--plans", str(file)], fleet.environment("worker"))
    # Keys that none of the served plans needs are refused for half a minute.
    served = load_head(head_path(file)).hash
    wait_for("the worker", lambda: any(served in each.models for each in Registry(fleet.redis()).workers()))
    arguments = ["--keys", str(keys), "--plan", str(head_path(file)), "--exit-when-done"]
    device = fleet.start_device("cam-a", tmp_path / "camera", *arguments, state=tmp_path / "state")
    try:
        assert device.process.wait(60) == 0, device.tail()
        assert [result.label for result in fleet.results("cam-a", tmp_path / "state")] == expected
    finally:
        stop(fleet, worker, device)


def stop(fleet: Fleet, *services: Service) -> None:
    """End services and forget them, so that others may have their names."""
    for service in services:
        service.process.terminate()
        service.process.wait(30)
        fleet.services.started.remove(service)
