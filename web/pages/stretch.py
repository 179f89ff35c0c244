"""The stretch of time that a page shows: a range that ends now, or from one moment to another."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from web.errors import ProblemError

Range = Literal["", "hour", "day", "week", "month", "year"]
SECONDS: dict[Range, int] = {
    "hour": 3_600,
    "day": 86_400,
    "week": 7 * 86_400,
    "month": 30 * 86_400,
    "year": 365 * 86_400,
}
#: What a page shows where nobody chose a range.
_USUAL: Range = "day"


@dataclass(frozen=True)
class Stretch:
    """From `start` to `end`; an end of None is now, and moves."""

    range: Range
    start: float
    end: float | None

    @property
    def until(self) -> float:
        """The end as a number."""
        return time.time() if self.end is None else self.end


def stretch(chosen: Range, from_: str, to: str) -> Stretch:
    """What the fields of an address say. Raises `ProblemError` where a time can't be read."""
    start, end = _moment("from", from_), _moment("to", to)
    if start is None and end is None:
        usual = chosen or _USUAL
        return Stretch(usual, time.time() - SECONDS[usual], None)
    start = (time.time() if end is None else end) - SECONDS[chosen or _USUAL] if start is None else start
    if end is not None and end <= start:
        raise ProblemError("from isn't before to; choose an earlier start or a later end.")
    return Stretch("", start, end)


def _moment(name: str, text: str) -> float | None:
    """A time of an address in seconds; without a zone it is UTC, which the page's script never leaves out."""
    if not text:
        return None
    try:
        when = datetime.fromisoformat(text)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise ProblemError(f"{name} isn't a time; write it as 2026-01-31T12:00:00Z.") from error
