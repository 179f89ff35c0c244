"""Units of readings: those that are known, however a region file writes them."""

from typing import NamedTuple


class _Unit(NamedTuple):
    """A unit as Home Assistant writes it, what is metered in it, and the most of it in an hour in a household."""

    name: str
    device_class: str
    max_rate: float


#: The known units. What is metered is one of Home Assistant's device classes; gas has the units of water, and a region
#: file says which it is.
_UNITS = (
    _Unit("m³", "water", 6.0),
    _Unit("L", "water", 6000.0),
    _Unit("ft³", "water", 250.0),
    _Unit("gal", "water", 1600.0),
    _Unit("kWh", "energy", 25.0),
    _Unit("Wh", "energy", 25_000.0),
    _Unit("MWh", "energy", 0.025),
    _Unit("MJ", "energy", 90.0),
    _Unit("GJ", "energy", 0.09),
)
#: The most that is metered in an hour where the unit is another one.
_OTHER_RATE = 10.0
#: The units by their names in small letters, and by other ways to write these.
_BY_NAME = {unit.name.lower(): unit for unit in _UNITS}
_BY_NAME |= {"m3": _BY_NAME["m³"], "m^3": _BY_NAME["m³"], "ft3": _BY_NAME["ft³"], "ft^3": _BY_NAME["ft³"]}
#: Units that differ from a known one in nothing but a capital letter: a millionth of a kWh is no MWh.
_OTHERS = {"mWh", "mJ"}


def unit_name(unit: str) -> str:
    """A unit as Home Assistant writes it; one that isn't known stays as it is."""
    known = _known(unit)
    return unit if known is None else known.name


def metered_in(unit: str) -> str:
    """What is metered in a unit, as Home Assistant's device class; empty for one that isn't known."""
    known = _known(unit)
    return "" if known is None else known.device_class


def usual_rate(unit: str) -> float:
    """The most that a household's meter counts in an hour, in its unit."""
    known = _known(unit)
    return _OTHER_RATE if known is None else known.max_rate


def _known(unit: str) -> _Unit | None:
    return None if unit in _OTHERS else _BY_NAME.get(unit.strip().lower())
