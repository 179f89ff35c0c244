"""A device that is killed again and again writes each reading once, whenever it dies."""

import json
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from blindsight.demo.servers import Servers
from tests.integration.fleet import Fleet, make_fleet, wait_for
from tests.meter_pictures import write_meter
from tests.plans import digits

pytestmark = [pytest.mark.slow, pytest.mark.mosquitto, pytest.mark.timeout(300)]

#: How often the device is killed, and the seconds after a new reading within which that happens.
KILLS, SECONDS = 6, 0.4


@pytest.fixture(scope="module")
def fleet(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    made = make_fleet(servers, tmp_path_factory.mktemp("fleet"), digits(4))
    made.start_bridge()
    made.start_worker()
    yield made
    made.services.stop()


def test_between_a_label_and_its_reading_a_device_may_be_killed(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "camera").mkdir()
    folder = write_meter(tmp_path / "camera", "345", "346")
    (folder / "meter.toml").rename(tmp_path / "meter.toml")
    readings = tmp_path / "readings.jsonl"
    extra = ["--regions", str(tmp_path / "meter.toml"), "--readings", str(readings), "--loop", "--rate", "20"]
    extra += ["--policy", "latest"]

    def written() -> list[str]:
        return [] if not readings.exists() else [json.loads(line)["job"] for line in readings.read_text().splitlines()]

    draw = random.Random(7)
    for _ in range(KILLS):
        before = len(written())
        device = fleet.start_device("cam-a", folder, *extra)
        wait_for("another reading", lambda before=before: len(written()) > before)
        time.sleep(draw.uniform(0, SECONDS))
        device.process.send_signal(signal.SIGKILL)
        device.process.wait()
        fleet.services.started.remove(device)
    device = fleet.start_device("cam-a", folder, *extra[:4], "--exit-when-done")
    assert device.process.wait(120) == 0, device.tail()
    labelled = [(result.job, result.label) for result in fleet.results("cam-a")]
    jobs = written()
    assert len(jobs) == len(set(jobs))
    assert set(jobs) == {job for job, _ in labelled}
    assert len(labelled) == 3 * len(jobs)  # of three regions each
