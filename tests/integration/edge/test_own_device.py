"""The example of one's own device, as a user runs it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from blindsight.demo.servers import Servers
from tests.integration.fleet import Fleet, make_fleet, write_pictures

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def fleet(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fleet = make_fleet(servers, tmp_path_factory.mktemp("fleet"))
    fleet.start_bridge()
    fleet.start_worker()
    yield fleet
    fleet.services.stop()


def test_pictures_go_in_and_labels_come_out(fleet: Fleet, tmp_path: Path) -> None:
    truth = write_pictures(tmp_path / "pictures", range(2))
    pictures = sorted((tmp_path / "pictures").iterdir())
    password = fleet.servers.password_file("cam-a").read_text().strip()
    broker = f"mqtt://cam-a:{password}@127.0.0.1:{fleet.servers.mqtt_port}"
    command = [sys.executable, ROOT / "examples" / "own_device.py", "cam-a", broker, tmp_path / "state", *pictures]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{path}: {label}" for path, label in zip(pictures, truth, strict=True)]
    assert password not in done.stderr
