"""Spans of time as people write them: a number and a unit, such as 90d."""

import re

from pydantic_core import PydanticCustomError

#: The seconds of each unit.
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
#: The form of such a span. Nine digits of weeks are longer than any clock can count.
_AGE = r"^[1-9][0-9]{0,8}[smhdw]$"


def seconds_of(age: str) -> float | None:
    """A span in seconds; None for a text that is none."""
    return float(int(age[:-1]) * _UNITS[age[-1]]) if re.fullmatch(_AGE, age) else None


def check_age(age: str | None) -> str | None:
    """The text of a setting as it is. Raises `PydanticCustomError` for one that is no such span."""
    if age is not None and seconds_of(age) is None:
        raise PydanticCustomError("age", "Input should be a number with its unit, such as 90d, 12h or 4w")
    return age
