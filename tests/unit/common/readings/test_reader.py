"""Pictures of devices become readings, by the region file that is theirs."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from common.errors import ConfigurationError
from common.readings.meters import Meters, load_meters
from common.readings.reader import Reader
from common.readings.spec import Layout
from tests.unit.common.readings.test_spec import REGIONS
from tests.unit.common.readings.wheels import NAMES, scores, spec_of
from tests.unit.console.bench import make_head

LAYOUT = Layout(("d1", "lamp", "d2", "d3"), (spec_of(3, decimals=1),))


def test_a_picture_gives_a_reading_of_its_wheels_and_what_is_to_be_remembered() -> None:
    reader = Reader(LAYOUT, NAMES)
    taken = reader.take("cam-a", "job-1", scores("1?23"), 100.0, 200.0, {})
    assert [(each.state, each.value) for each in taken.readings] == [("uncertain", None)]
    taken = reader.take("cam-a", "job-2", scores("1?23"), None, 700.0, taken.tracks)
    (reading,) = taken.readings
    assert (reading.device, reading.name, reading.job, reading.captured_at) == ("cam-a", "water", "job-2", None)
    assert (reading.state, reading.value, reading.unit, reading.why) == ("good", "12.3", "m³", "")


def test_a_damaged_track_and_other_regions_begin_anew_and_say_so() -> None:
    reader = Reader(LAYOUT, NAMES)
    (place,) = reader.take("cam-a", "job-1", scores("1?23"), 100.0, 200.0, {}).tracks
    for tracks, says in (({place: b"x"}, "damaged"), ({(place[0], "other"): b"x"}, "other regions")):
        with capture_logs() as logs:
            taken = reader.take("cam-a", "job-2", scores("1?23"), 200.0, 200.0, tracks)
        assert [says in line["event"] for line in logs] == [True]
        assert taken.readings[0].state == "uncertain"
        assert set(taken.tracks) == {place}


def test_a_folder_has_a_region_file_for_each_device(tmp_path: Path) -> None:
    head = make_head()
    with pytest.raises(ConfigurationError, match=r"a folder without a region file DEVICE\.toml"):
        load_meters(tmp_path)
    (tmp_path / "cam-a.toml").write_text(REGIONS + "[reading]\n")
    (tmp_path / "cam-b.toml").write_text(REGIONS)
    meters = load_meters(tmp_path)
    assert [meters.cuts(device) for device in ("cam-a", "cam-b", "cam-c")] == [True, True, False]
    assert meters.of("cam-b", head, ["", "", ""]) is None  # its regions are no reading
    with pytest.raises(ConfigurationError, match="the plan has no label '0', and a reading needs 0 to 9"):
        meters.check([head])
    load_meters(None).check([head])


def test_readings_are_written_only_where_something_is_read(tmp_path: Path) -> None:
    path = tmp_path / "meter.toml"
    path.write_text(REGIONS)
    for meters in (load_meters(None), load_meters(path)):
        meters.check_output(None)
        with pytest.raises(ConfigurationError, match=r"readings is water\.csv, and nothing says what is read"):
            meters.check_output(Path("water.csv"))
    path.write_text(REGIONS + "[reading]\n")
    load_meters(path).check_output(Path("water.csv"))


@pytest.mark.parametrize(
    ("sources", "says"),
    [
        (["x.png:d1", "x.png:d2"], "its bursts have 2 frames, and the region file has 4 regions"),
        (["x.png:a", "x.png:b", "x.png:c", "x.png:d"], "its bursts have the regions a, b, c, d"),
    ],
)
def test_bursts_of_other_regions_are_not_read(sources: list[str], says: str) -> None:
    meters, head = Meters(LAYOUT), make_head()
    with capture_logs() as logs:
        assert [meters.of("cam-a", head, sources) for _ in range(3)] == [None] * 3
    assert len(logs) == 1
    assert says in logs[0]["reason"]
