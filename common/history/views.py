"""What a key holder's history says of labels and readings: rows, plots, and the filters that choose them.

Times are in seconds since the epoch. A lead, which is made of scores, has no room here.
"""

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from common.readings.reading import State

Order = Literal["oldest", "newest"]
T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    """A part of a long list, and the cursor of the part that follows; None where this is the last one."""

    items: tuple[T, ...]
    next_cursor: str | None = None


@dataclass(frozen=True)
class LabelView:
    """A frame's label. `at` is when it was captured, or else when its bridge received it."""

    device: str
    job: str
    counter: int
    label: str
    at: float
    recorded_at: float
    group: str = ""
    region: str = ""
    source: str = ""


@dataclass(frozen=True)
class ReadingView:
    """What one picture of a meter says (`common.readings.reading.Reading`)."""

    device: str
    name: str
    job: str
    at: float
    recorded_at: float
    state: State
    value: str | None
    unit: str
    probability: float
    why: str = ""


@dataclass(frozen=True)
class Bucket:
    """How many frames got each label in a stretch of time that begins at `start`."""

    start: float
    counts: dict[str, int]


@dataclass(frozen=True)
class LabelPlot:
    """Labels over time, for a plot: consecutive stretches of `seconds`, those without a frame left out."""

    seconds: float
    labels: tuple[str, ...]
    buckets: tuple[Bucket, ...]


@dataclass(frozen=True)
class ReadingPoint:
    """The last value of a stretch of time, and the states of its readings; its first, lowest and highest value.

    The values are None where none of its readings has one.
    """

    start: float
    value: float | None
    states: dict[str, int]
    first: float | None = None
    lowest: float | None = None
    highest: float | None = None


@dataclass(frozen=True)
class ReadingPlot:
    """A reading over time, for a plot."""

    seconds: float
    name: str
    unit: str
    points: tuple[ReadingPoint, ...]


@dataclass(frozen=True)
class LabelFilter:
    """Which labels. Empty texts and None mean any; `start` is included, `end` isn't.

    With `devices`, labels of all others are as if they weren't there.
    """

    device: str = ""
    label: str = ""
    group: str = ""
    region: str = ""
    start: float | None = None
    end: float | None = None
    order: Order = "newest"
    devices: tuple[str, ...] | None = None


@dataclass(frozen=True)
class ReadingFilter:
    """Which readings, likewise."""

    device: str = ""
    name: str = ""
    state: State | Literal[""] = ""
    start: float | None = None
    end: float | None = None
    order: Order = "newest"
    devices: tuple[str, ...] | None = None
