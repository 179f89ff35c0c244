"""What every site with labels says of them: out of its history."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from common.history.history import History
from web.site import (
    DeviceView,
    LabelFilter,
    LabelPlot,
    LabelView,
    Page,
    ReadingFilter,
    ReadingPlot,
    ReadingView,
)

#: The last labels of a device among which a burst is looked for.
_LOOKED_AT = 1000


class WithHistory:
    """The labels and readings of a history."""

    def __init__(self, history: History) -> None:
        self._history = history

    def labels(self, wanted: LabelFilter, cursor: str | None, limit: int) -> Page[LabelView]:
        """Labels, in order of their time."""
        return self._history.labels(wanted, cursor, limit)

    def label_plot(self, wanted: LabelFilter, points: int) -> LabelPlot:
        """Labels over time."""
        return self._history.label_plot(wanted, points)

    def readings(self, wanted: ReadingFilter, cursor: str | None, limit: int) -> Page[ReadingView]:
        """Readings, in order of their time."""
        return self._history.readings(wanted, cursor, limit)

    def reading_plot(self, wanted: ReadingFilter, points: int) -> ReadingPlot:
        """A reading over time."""
        return self._history.reading_plot(wanted, points)

    def all_labels(self, wanted: LabelFilter) -> Iterator[LabelView]:
        """All labels of a filter."""
        return self._history.all_labels(wanted)

    def all_readings(self, wanted: ReadingFilter) -> Iterator[ReadingView]:
        """All readings of a filter."""
        return self._history.all_readings(wanted)

    def cards(self, views: Sequence[DeviceView]) -> tuple[DeviceView, ...]:
        """Devices with their last labels and readings."""
        names = [view.device for view in views]
        last, readings = self._history.last_labels(names), self._history.last_readings(names)
        sparks = self._history.sparks(names, time.time())
        return tuple(
            replace(
                view,
                last=last.get(view.device),
                readings=readings.get(view.device, ()),
                spark=sparks.get(view.device, ()),
            )
            for view in views
        )

    def burst_labels(self, device: str, job: str | None) -> list[LabelView]:
        """The labels of a device's burst, of its last one where `job` is None; none where it isn't among the last."""
        last = self._history.labels(LabelFilter(device=device), None, _LOOKED_AT).items
        job = last[0].job if job is None and last else job
        return sorted((each for each in last if each.job == job), key=lambda each: each.counter)
