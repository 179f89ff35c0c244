"""The meters that a demo films."""

from pathlib import Path

import numpy as np
import pytest

from blindsight.demo.meters import Meters, picture_name, within_unit
from blindsight.demo.pictures import camera_folder
from common.pictures.reading import read_picture
from common.readings.spec import load_layout
from models.catalogue import load_network

NAMES = ["cam-01", "cam-02"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    Meters(3, "device").write(folder, NAMES)
    return folder


@pytest.mark.slow
def test_a_meter_counts_and_nothing_else_changes(site: Path) -> None:
    first, second, third = (
        read_picture(camera_folder(site, "cam-01") / picture_name(0, number)).astype(int) for number in range(3)
    )
    changed = (np.abs(third - first) > 40).any(axis=2)
    assert 0 < changed.mean() < 0.05
    assert (np.abs(second - first) > 40).any()


def test_devices_film_meters_of_their_own(site: Path) -> None:
    one, other = (read_picture(camera_folder(site, name) / picture_name(i, 0)) for i, name in enumerate(NAMES))
    assert one.shape == other.shape == (480, 640, 3)
    assert np.abs(one.astype(int) - other).mean() > 5


def test_its_region_file_has_a_reading_of_all_wheels(site: Path) -> None:
    layout = load_layout(site / "regions" / "cam-02.toml")
    (reading,) = layout.readings
    assert reading.regions == layout.regions == ("d1", "d2", "d3", "d4", "d5")


@pytest.mark.slow
def test_every_region_is_expected_as_it_is_filmed_and_as_the_plain_model_says(site: Path) -> None:
    expected = Meters(3, "device").expected(load_network("meter"), site, NAMES)
    assert len(expected) == 2 * 3 * 5
    assert [expected[f"00-0000.png:d{i}"].truth for i in range(1, 6)] == list("04695")
    assert expected["00-0001.png:d5"].truth == "between"
    assert np.mean([each.truth == each.plain for each in expected.values()]) > 0.9


@pytest.mark.parametrize(("value", "right"), [("4708", False), ("4709", True), ("4710", True), ("4711", False)])
def test_a_reading_is_right_within_a_unit_of_the_last_wheel(value: str, right: bool) -> None:
    assert within_unit(value, 4709.5) is right


def test_the_key_holder_alone_reads(tmp_path: Path) -> None:
    (own,) = Meters(1, "device").write(tmp_path / "a", ["cam-01"])
    (blind,) = Meters(1, "site").write(tmp_path / "b", ["cam-01"])
    assert "--readings" in own
    assert "--readings" not in blind
    assert "--readings" in Meters(1, "site").console_options(tmp_path / "b")
