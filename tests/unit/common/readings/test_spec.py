"""A file of regions says which readings there are, or is refused with the field, its value and the fix."""

from pathlib import Path

import pytest

from common.errors import ConfigurationError
from common.readings.spec import Layout, ReadingSpec, load_layout

REGIONS = "[picture]\nsize = [640, 480]\n" + "".join(
    f'[[region]]\nname = "d{number}"\nbox = [{50 * number}, 10, 40, 60]\n' for number in range(1, 4)
)


def _layout(folder: Path, text: str) -> Layout:
    path = folder / "regions.toml"
    path.write_text(REGIONS + text)
    return load_layout(path)


def test_a_reading_names_its_regions_and_what_it_counts(tmp_path: Path) -> None:
    layout = _layout(
        tmp_path,
        '[reading]\nname = "water"\nregions = ["d1", "d3"]\ndecimals = 1\nunit = "m³"\nmax_rate = 3\n',
    )
    assert layout == Layout(("d1", "d2", "d3"), (ReadingSpec("water", ("d1", "d3"), 1, "m³", 3.0),))
    assert layout.wheels(layout.readings[0]) == [0, 2]


def test_a_reading_without_fields_takes_all_regions_and_a_households_rate(tmp_path: Path) -> None:
    assert _layout(tmp_path, "[reading]\n").readings == (ReadingSpec("reading", ("d1", "d2", "d3"), 0, "", 10.0),)
    assert _layout(tmp_path, '[reading]\nunit = "kWh"\n').readings[0].max_rate == 25.0


@pytest.mark.parametrize(("one", "other"), [("kWh", "kwh"), ("m³", "M3"), ("L", "l"), ("gal", "GAL"), ("ft³", "ft3")])
def test_a_unit_has_its_households_rate_however_it_is_written(tmp_path: Path, one: str, other: str) -> None:
    (first,), (second,) = (_layout(tmp_path, f'[reading]\nunit = "{unit}"\n').readings for unit in (one, other))
    assert first.max_rate == second.max_rate != 10.0
    assert second.unit == other


def test_a_file_has_several_readings_or_none(tmp_path: Path) -> None:
    text = '[[reading]]\nname = "day"\nregions = ["d1"]\n[[reading]]\nname = "night"\nregions = ["d2", "d3"]\n'
    assert [spec.name for spec in _layout(tmp_path, text).readings] == ["day", "night"]
    assert _layout(tmp_path, "").readings == ()


def test_the_key_of_a_reading_depends_on_its_wheels_and_not_on_its_name(tmp_path: Path) -> None:
    keys = [
        _layout(tmp_path, f"[reading]\n{line}\n").readings[0].key
        for line in ("", 'name = "x"', "max_rate = 2", "decimals = 1", 'regions = ["d1", "d2"]')
    ]
    assert keys[0] == keys[1] == keys[2]
    assert len(set(keys[2:])) == 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "[reading]\nregions = []",
            r"reading 1: regions is \[\]; give the names of 1 to 12",
        ),
        (
            '[reading]\nregions = ["d9"]',
            r"regions is \['d9'\]; give names of regions of this file, which are d1, d2, d3",
        ),
        ('[reading]\nregions = ["d1", "d1"]', "give each region once"),
        ("[reading]\nregions = [1]", "give names of regions"),
        ("[reading]\ndecimals = 3", "decimals is 3; give the number of wheels behind the decimal point, 0 to 2"),
        ("[reading]\ndecimals = true", "decimals is True"),
        ("[reading]\nmax_rate = 0", "max_rate is 0; give the most that the reading grows in an hour"),
        ("[reading]\nmax_rate = nan", "max_rate is nan"),
        (f"[reading]\nmax_rate = 1{'0' * 400}", "max_rate is 1000"),
        ('[reading]\nmax_rate = "3"', "max_rate is '3'"),
        ('[reading]\nname = ""', "name is ''; give a name"),
        ('[reading]\nname = "a\\u001bb"', r"name is 'a\\x1bb'; give a text"),
        ("[reading]\nunit = 3", "unit is 3; give a text"),
        ('[reading]\ndevice_class = "beer"', "device_class is 'beer'; give what is metered: water, gas, energy"),
        ("[reading]\ndevice_class = []", r"device_class is \[\]"),
        ("[reading]\nrate = 3", "rate is no field of a reading; there are name, regions"),
        ('[[reading]]\nname = "x"\n[[reading]]\nname = "x"', "two readings have the name 'x'"),
        ("[[reading]]\n" * 33, "there are 33 readings"),
    ],
)
def test_a_wrong_field_is_named_with_its_value_and_the_fix(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "regions.toml"
    path.write_text(REGIONS + text)
    with pytest.raises(ConfigurationError, match=says):
        load_layout(path)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"regions is .*none\.toml, which can't be read: No such file"):
        load_layout(tmp_path / "none.toml")
