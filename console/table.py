"""The live table of a site's devices and their labels."""

import time
from collections import deque
from dataclasses import dataclass, field

from rich.console import Console as Terminal
from rich.live import Live
from rich.table import Table
from rich.text import Text

from common.messages import Status
from console.record import Check, FrameLabel, Record

_RATE_SECONDS = 60.0
_RATE_FRAMES = 10_000


@dataclass
class _Row:
    labels: int = 0
    alarms: int = 0
    last: FrameLabel | None = None
    status: Status | None = None
    #: When the latest labels came, by the monotonic clock.
    times: "deque[float]" = field(default_factory=lambda: deque(maxlen=_RATE_FRAMES))


class LiveTable:
    """Shows each device with its last label, counts and rate; and the lead of the scores, if that is kept."""

    def __init__(self, terminal: Terminal, record: Record, label_only: bool) -> None:
        self._rows = {device: _Row(labels=count) for device, count in record.counts().items()}
        for check in record.checks():
            if check.wrong:
                self.alarm(check)
        self._label_only = label_only
        self._live = Live(console=terminal, get_renderable=self.render, refresh_per_second=2)
        self._live.start()

    def label(self, label: FrameLabel) -> None:
        """Count a label and show it as its device's last."""
        row = self._row(label.device)
        row.labels += 1
        row.last = label
        row.times.append(time.monotonic())

    def alarm(self, check: Check) -> None:
        """Count an alarm, in red from the first one on."""
        self._row(check.device).alarms += 1

    def status(self, device: str, status: Status) -> None:
        """Show a device's state."""
        self._row(device).status = status

    def close(self) -> None:
        """Leave the table as it is."""
        self._live.stop()

    def render(self) -> Table:
        """The table as it is now."""
        lead = [] if self._label_only else ["lead"]
        table = Table(
            "device", "state", "last label", *lead, "labels", "labels a minute", "pending", "parked", "alarms"
        )
        for device, row in sorted(self._rows.copy().items()):
            status, last = row.status, row.last
            leads = (
                [] if self._label_only else [f"{last.lead:.3g}" if last is not None and last.lead is not None else ""]
            )
            table.add_row(
                device,
                "" if status is None else status.state,
                Text("" if last is None else last.label),  # a model's label may look like markup
                *leads,
                f"{row.labels:,}",
                f"{_recent(row)}",
                "" if status is None else f"{status.pending:,}",
                "" if status is None else f"{status.parked:,}",
                Text(f"{row.alarms:,}", style="bold white on red" if row.alarms else ""),
            )
        return table

    def _row(self, device: str) -> _Row:
        # The table is drawn in a thread of its own: a row is put there whole.
        return self._rows.setdefault(device, _Row())


def _recent(row: _Row) -> int:
    since = time.monotonic() - _RATE_SECONDS
    return sum(at >= since for at in tuple(row.times))
