"""The live table of a site's devices and their labels."""

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from rich.console import Console as Terminal
from rich.live import Live
from rich.text import Text

from common.readings.reading import Reading
from common.terminal.browsing import Browser, Device
from common.terminal.columns import Column, amount, printable
from common.terminal.keyboard import Keyboard
from common.terminal.listing import list_devices
from common.wire.status import Status
from console.outputs import QuietOutput
from console.record.record import Check, FrameLabel, Record

_Cell = TypeVar("_Cell")

#: Seconds over which labels are counted for the column "a minute".
_RATE_SECONDS = 60
#: Draws a second.
_DRAWS = 2
#: Seconds between two looks for keys.
_KEYS_INTERVAL = 0.1

#: The columns of the table.
_COLUMNS = (
    Column("device"),
    Column("state", 0),
    Column("last label", 1),
    Column("reading", 1),
    Column("lead", 6, right=True),
    Column("labels", 5, right=True),
    Column("a minute", 7, right=True),
    Column("pending", 4, right=True),
    Column("parked", 3, right=True),
    Column("alarms", 2, right=True),
)
#: The places of the columns "reading" and "lead" among them.
_READING, _LEAD = 3, 4


@dataclass
class _Row:
    labels: int = 0
    alarms: int = 0
    last: FrameLabel | None = None
    #: The last reading of each name that has a value.
    readings: dict[str, Reading] = field(default_factory=dict)
    status: Status | None = None
    #: The numbers of labels that came in the latest seconds, each with its second of the monotonic clock.
    seconds: "deque[tuple[int, int]]" = field(default_factory=lambda: deque(maxlen=_RATE_SECONDS))


class LiveTable(QuietOutput):
    """Shows each device with its last label, counts and rate, with its lead unless only labels are kept.

    With `reads`, its last readings are shown, too.
    """

    def __init__(self, terminal: Terminal, record: Record, label_only: bool, reads: bool = False) -> None:
        self._rows = {device: _Row(labels=count) for device, count in record.counts().items()}
        for check in record.checks():
            if check.wrong:
                self.alarm(check)
        for reading in record.last_readings():
            self.reading(reading)
        self._left_out = {_LEAD: label_only, _READING: not reads}
        self._columns = self._shown(_COLUMNS)
        self._terminal, self._browser = terminal, Browser()
        self._live = Live(console=terminal, get_renderable=self.render, refresh_per_second=_DRAWS)
        self._live.start()
        self._closing = threading.Event()
        self._keys = threading.Thread(target=self._read_keys, name="keys", daemon=True)
        self._keys.start()

    def label(self, label: FrameLabel) -> None:
        """Count a label and show it as its device's last."""
        row = self._row(label.device)
        row.labels += 1
        row.last = label
        now = int(time.monotonic())
        before = row.seconds.pop()[1] if row.seconds and row.seconds[-1][0] == now else 0
        row.seconds.append((now, before + 1))

    def reading(self, reading: Reading) -> None:
        """Show a reading as its device's last, unless it is uncertain."""
        if reading.value is not None:
            readings = self._row(reading.device).readings
            self._row(reading.device).readings = {**readings, reading.name: reading}

    def alarm(self, check: Check) -> None:
        """Count an alarm, in red from the first one on."""
        self._row(check.device).alarms += 1

    def status(self, device: str, status: Status) -> None:
        """Show a device's state."""
        self._row(device).status = status

    def close(self) -> None:
        """Leave the table as it is."""
        self._closing.set()
        self._keys.join()
        self._live.stop()

    def render(self) -> Text:
        """The table as it is now, in the terminal's size."""
        rows = self._rows.copy()
        devices = [Device(device, row.status, row.alarms) for device, row in rows.items()]
        width, height = self._terminal.size
        lines = list_devices(
            devices,
            self._columns,
            lambda device: self._cells(device.name, rows[device.name]),
            self._browser,
            width,
            height,
        )
        return Text("\n", no_wrap=True).join(lines)

    def _cells(self, device: str, row: _Row) -> list[Text]:
        status, last = row.status, row.last
        cells = [
            Text(device),
            Text("" if status is None else status.state, style="red" if status and status.state == "offline" else ""),
            Text("" if last is None else _shown_label(last)),
            Text(", ".join(f"{each.value} {each.unit}".rstrip() for each in row.readings.values())),
            Text(f"{last.lead:.3g}" if last is not None and last.lead is not None else ""),
            Text(amount(row.labels)),
            Text(amount(_recent(row))),
            Text("" if status is None else amount(status.pending)),
            Text("" if status is None else amount(status.parked)),
            Text(amount(row.alarms), style="bold white on red" if row.alarms else ""),
        ]
        return self._shown(cells)

    def _shown(self, cells: Sequence[_Cell]) -> list[_Cell]:
        return [cell for number, cell in enumerate(cells) if not self._left_out.get(number)]

    def _read_keys(self) -> None:
        with Keyboard() as keyboard:
            while not self._closing.is_set():
                keys = keyboard.read(_KEYS_INTERVAL)
                for key in keys:
                    self._browser.press(key)
                if keys:
                    self._live.refresh()

    def _row(self, device: str) -> _Row:
        # The table is drawn in a thread of its own: a row is put there whole.
        return self._rows.setdefault(device, _Row())


def _shown_label(label: FrameLabel) -> str:
    """A label, and its group behind it."""
    return printable(f"{label.label} ({label.group})" if label.group else label.label)


def _recent(row: _Row) -> int:
    since = time.monotonic() - _RATE_SECONDS
    return sum(count for second, count in tuple(row.seconds) if second >= since)
