"""Spans of time as people write them: a number and a unit, such as 90d."""

import re

#: The seconds of each unit.
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
#: The form of such a span. Nine digits of weeks are longer than any clock can count.
_AGE = r"^[1-9][0-9]{0,8}[smhdw]$"


def seconds_of(age: str) -> float | None:
    """A span in seconds; None for a text that is none."""
    return float(int(age[:-1]) * _UNITS[age[-1]]) if re.fullmatch(_AGE, age) else None
