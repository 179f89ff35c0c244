"""Labels and readings for tests of the history, and histories in files of their own."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import strategies as st

from common.history.history import History
from common.publishing.events import Event, FrameLabel
from common.readings.reading import Reading

DEVICES, LABELS, GROUPS, REGIONS = ("cam-a", "cam-b", "cam-c"), ("cat", "dog", "owl"), ("", "pet"), ("", "left")
NAMES, STATES = ("water", "power"), ("good", "corrected", "uncertain", "reset")
AnyEvent = TypeVar("AnyEvent", bound=Event)
#: A day's beginning (epoch, s).
DAY_ONE = 1_700_006_400.0
#: Where files of tests lie: in memory where that is possible, since these tests make many, and wait for each sync.
_MEMORY = Path("/dev/shm")


def label(number: int, at: float | None = None, device: str = "cam-a", **fields: Any) -> FrameLabel:
    """A label of a frame of its own, recorded a second after its bridge received it."""
    at = DAY_ONE + number if at is None else at
    values: dict[str, Any] = {"label": "cat", "lead": 0.5, "captured_at": at, "received_at": at, "recorded_at": at + 1}
    return FrameLabel(device, f"{number:08d}-0123456789abcdef", number, **{**values, **fields})


def reading(number: int, at: float | None = None, device: str = "cam-a", **fields: Any) -> Reading:
    """A reading of a picture of its own."""
    at = DAY_ONE + number if at is None else at
    values: dict[str, Any] = {"state": "good", "value": f"{number}.5", "unit": "m³", "probability": 0.99, **fields}
    name = str(values.pop("name", "water"))
    return Reading(device, name, f"{number:08d}-0123456789abcdef", at, **values)


#: Times (epoch, s): near the edges of minutes, hours and days, close together, and years apart.
times = st.one_of(
    st.builds(
        lambda hours, seconds: DAY_ONE + 3600 * hours + seconds,
        st.integers(-60, 60),
        st.sampled_from((-0.001, 0.0, 0.25, 59.999, 60.0, 1800.0)),
    ),
    st.floats(DAY_ONE, DAY_ONE + 7200, allow_nan=False),
    st.floats(0, 4e9, allow_nan=False),
)
labels = st.builds(
    label,
    st.integers(0, 40),
    times,
    st.sampled_from(DEVICES),
    label=st.sampled_from(LABELS),
    group=st.sampled_from(GROUPS),
    region=st.sampled_from(REGIONS),
)


@st.composite
def readings(draw: st.DrawFn) -> Reading:
    """Readings; those that are uncertain have no value."""
    state = draw(st.sampled_from(STATES))
    value = None if state == "uncertain" else str(draw(st.integers(0, 30)))
    number, at, device = draw(st.integers(0, 40)), draw(times), draw(st.sampled_from(DEVICES))
    return reading(number, at, device, name=draw(st.sampled_from(NAMES)), state=state, value=value)


@contextmanager
def folder_in_memory() -> Iterator[Path]:
    """An empty folder."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        yield Path(folder)


@contextmanager
def history_of(*batches: Sequence[Event]) -> Iterator[History]:
    """A history of events that come in batches."""
    with folder_in_memory() as folder:
        history = History(folder / "history.sqlite")
        try:
            for batch in batches:
                history.add(batch)
            yield history
        finally:
            history.close()


def first_of_each(events: Sequence[AnyEvent]) -> list[AnyEvent]:
    """The events without those that come again: the first one of each stays."""
    known: dict[tuple[object, ...], AnyEvent] = {}
    for event in events:
        key = (event.device, event.job, event.counter if isinstance(event, FrameLabel) else event.name)
        known.setdefault((type(event), *key), event)
    return list(known.values())
