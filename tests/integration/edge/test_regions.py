"""Regions of pictures, through real servers: all of a picture in one burst."""

import csv
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from blindsight.demo.servers import Servers
from tests.integration.fleet import Fleet, make_fleet
from tests.meter_pictures import write_meter
from tests.plans import digits

pytestmark = pytest.mark.slow


@pytest.fixture
def fleet(servers: Servers, tmp_path: Path) -> Iterator[Fleet]:
    made = make_fleet(servers, tmp_path, digits(4))
    made.start_bridge()
    made.start_worker()
    yield made
    made.services.stop()


def test_the_labels_of_a_pictures_regions_come_together(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "camera").mkdir()
    folder = write_meter(tmp_path / "camera", "345", "602", "268")
    (folder / "345a.png").write_bytes(b"no picture")
    regions = folder / "meter.toml"
    readings = tmp_path / "readings.csv"
    device = fleet.start_device(
        "cam-a",
        folder,
        "--regions",
        str(regions),
        "--burst-wait",
        "60",
        "--exit-when-done",
        "--readings",
        str(readings),
    )
    assert device.process.wait(120) == 0, device.tail()
    results = fleet.results("cam-a")
    bursts = [list(burst) for _, burst in groupby(results, key=lambda result: result.job)]
    for digits_shown, burst in zip(("268", "345", "602"), bursts, strict=True):
        assert [result.source for result in burst] == [f"{digits_shown}.png:d{n}" for n in (1, 2, 3)]
        assert "".join(str(result.label) for result in burst) == digits_shown
        assert len({result.captured_at for result in burst}) == 1
    assert [result.counter for result in results] == list(range(9))
    with readings.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["name"], row["job"], row["unit"]) for row in rows] == [
        ("water", burst[0].job, "m³") for burst in bursts
    ]
    assert "one picture alone" in rows[0]["why"]
    assert device.tail().count("reading ") >= 3
