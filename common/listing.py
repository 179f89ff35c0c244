"""A table of devices in a terminal: those rows that fit, and what is behind them. Drawing costs what is shown."""

from collections.abc import Callable, Iterable, Sequence

from rich.text import Text

from common.browsing import Browser, Device
from common.columns import Column, lay_out, prose

Rows = Callable[[Device], Sequence[Text]]


def list_devices(
    devices: Iterable[Device], columns: Sequence[Column], cells: Rows, browser: Browser, width: int, room: int | None
) -> list[Text]:
    """Header, rows and a footer, in at most `room` lines of `width` characters; all rows where there is no `room`.

    `cells` makes a device's row. There is always one row, however little room.
    """
    everyone = list(devices)
    found = browser.select(everyone)
    start = browser.start(len(found)) if room is not None else 0
    shown = found[start:] if room is None else found[start : start + room]
    layout = lay_out(columns, [cells(device) for device in shown], width)

    def footer(count: int) -> list[Text]:
        told = []
        if count < len(everyone):
            told.append(f"{start + 1 if count else 0:,}–{start + count:,} of {len(found):,}")
        if room is not None:
            told.append(browser.help())
        if layout.hidden:
            told.append(f"no room for {', '.join(layout.hidden)}")
        return prose("   ".join(told), width, "dim")

    rows = layout.rows
    if room is not None:
        left = room - 1 - len(footer(len(found) - 1))
        rows = [row for number, row in enumerate(rows) if number == 0 or sum(map(len, rows[: number + 1])) <= left]
        browser.page = max(len(rows), 1)
    return [layout.header, *(line for row in rows for line in row), *footer(len(rows))]
