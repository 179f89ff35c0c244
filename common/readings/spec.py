"""What is read from the regions of a picture: the tables `[reading]` or `[[reading]]` of a region file."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from common.errors import ConfigurationError
from common.pictures.region_file import load_regions
from common.pictures.regions import Regions
from common.quoting import shown
from common.readings.units import usual_rate

#: Wheels of a reading, at most; their counts are exact as floating-point numbers.
MOST_WHEELS = 12
#: Readings of a region file, at most.
MOST_READINGS = 32
#: Characters of a name or a unit, at most.
_MOST_CHARACTERS = 64
#: The fields of a table.
_FIELDS = ("name", "regions", "decimals", "unit", "max_rate", "device_class")
#: What may be metered, by the names of Home Assistant's device classes.
DEVICE_CLASSES = ("water", "gas", "energy")


class ReadingSpec(msgspec.Struct, frozen=True):
    """One reading: the regions of its wheels, the most significant first, of which the last `decimals` are decimals.

    `max_rate` is how much the reading grows in an hour at most, in its unit. It says what is likely, and forbids
    nothing. `device_class` is what is metered, one of `DEVICE_CLASSES`; empty where its unit tells.
    """

    name: str
    regions: tuple[str, ...]
    decimals: int
    unit: str
    max_rate: float
    device_class: str = ""

    @property
    def key(self) -> str:
        """What tells specifications apart: the knowledge of a reading is of no use to one with another key."""
        return hashlib.sha256(msgspec.json.encode((self.regions, self.decimals))).hexdigest()


class Layout(msgspec.Struct, frozen=True):
    """A region file as readers of labels need it: the regions' names, in the file's order, and the readings."""

    regions: tuple[str, ...]
    readings: tuple[ReadingSpec, ...]

    def wheels(self, spec: ReadingSpec) -> list[int]:
        """The places of a reading's wheels among the regions, the most significant first."""
        return [self.regions.index(name) for name in spec.regions]


def load_layout(path: Path) -> Layout:
    """The regions' names and the readings of a region file. Raises `ConfigurationError`, naming the fix."""
    regions = load_regions(path)
    return Layout(regions.names, readings_of(regions, path))


def readings_of(regions: Regions, path: Path) -> tuple[ReadingSpec, ...]:
    """The readings of the region file at `path`, in its order; none where it has no table `[reading]`.

    Raises `ConfigurationError`, which names the file, the field, its value and the fix.
    """
    tables = regions.readings
    if len(tables) > MOST_READINGS:
        raise ConfigurationError(f"{path}: there are {len(tables)} readings; a file has at most {MOST_READINGS}")
    specs = tuple(_Table(path, number, table, regions.names).spec() for number, table in enumerate(tables, start=1))
    names = [spec.name for spec in specs]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"{path}: two readings have the name {shown(name)!r}; give each its own")
    return specs


class _Table:
    """One table of a reading, and the sentences about what is wrong in it."""

    def __init__(self, path: Path, number: int, table: Mapping[str, Any], regions: Sequence[str]) -> None:
        self._where, self._table, self._all = f"{path}, reading {number}", table, tuple(regions)

    def spec(self) -> ReadingSpec:
        for field in self._table:
            if field not in _FIELDS:
                raise ConfigurationError(
                    f"{self._where}: {shown(field)} is no field of a reading; there are {', '.join(_FIELDS)}"
                )
        name, unit = self._text("name", "reading"), self._text("unit", "")
        if not name:
            raise self._wrong("name", 'a name that is shown with the reading, such as "water"')
        regions = self._regions()
        decimals = self._table.get("decimals", 0)
        if type(decimals) is not int or not 0 <= decimals < len(regions):
            raise self._wrong("decimals", f"the number of wheels behind the decimal point, 0 to {len(regions) - 1}")
        device_class = self._table.get("device_class", "")
        if device_class not in ("", *DEVICE_CLASSES):
            raise self._wrong("device_class", f"what is metered: {', '.join(DEVICE_CLASSES)}")
        return ReadingSpec(name, regions, decimals, unit, self._rate(unit), device_class)

    def _text(self, field: str, default: str) -> str:
        value = self._table.get(field, default)
        if not isinstance(value, str) or not value.isprintable() or len(value) > _MOST_CHARACTERS:
            raise self._wrong(field, f"a text of at most {_MOST_CHARACTERS} printable characters")
        return value

    def _regions(self) -> tuple[str, ...]:
        names = self._table.get("regions", list(self._all))
        if not isinstance(names, list) or not names or len(names) > MOST_WHEELS:
            raise self._wrong("regions", f"the names of 1 to {MOST_WHEELS} regions, the most significant wheel first")
        for name in names:
            if name not in self._all:
                raise self._wrong("regions", f"names of regions of this file, which are {', '.join(self._all)}")
            if names.count(name) > 1:
                raise self._wrong("regions", "each region once")
        return tuple(names)

    def _rate(self, unit: str) -> float:
        rate = self._table.get("max_rate", usual_rate(unit))
        if type(rate) not in (int, float) or not 0 < rate <= 1e12:  # and no NaN
            raise self._wrong(
                "max_rate", "the most that the reading grows in an hour, in its unit, such as 3.0 for water in m³"
            )
        return float(rate)

    def _wrong(self, field: str, fix: str) -> ConfigurationError:
        return ConfigurationError(f"{self._where}: {field} is {shown(repr(self._table.get(field)))}; give {fix}")
