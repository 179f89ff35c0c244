"""A table of devices in a terminal: those rows that fit, and what is behind them. Drawing costs what is shown."""

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate

from rich.text import Text

from common.terminal.browsing import Browser, Device
from common.terminal.columns import Column, Layout, lay_out, prose

Cells = Callable[[Device], Sequence[Text]]


def list_devices(
    devices: Iterable[Device], columns: Sequence[Column], cells: Cells, browser: Browser, width: int, room: int | None
) -> list[Text]:
    """Header, rows and a footer, in at most `room` lines of `width` characters; all rows where there is no `room`.

    `cells` makes a device's row. There is always one row, however little room.
    """
    everyone = list(devices)
    matches = browser.select(everyone)

    def layout_of(part: slice) -> Layout:
        return lay_out(columns, [cells(device) for device in matches[part]], width)

    def footer(start: int, count: int) -> list[Text]:
        parts = []
        if count < len(everyone):
            parts.append(f"{start + 1 if count else 0:,}–{start + count:,} of {len(matches):,}")
        if room is not None:
            parts.append(browser.help())
        if layout.hidden:
            parts.append(f"no room for {', '.join(layout.hidden)}")
        return prose("   ".join(parts), width, "dim")

    if room is None:
        layout = layout_of(slice(None))
        return [layout.header, *_lines(layout.rows), *footer(0, len(matches))]
    start = max(min(browser.above, len(matches) - 1), 0)
    layout = layout_of(slice(start, start + room))
    free = room - 1 - len(footer(start, len(matches) - 1))
    rows = layout.rows[: _fitting(layout.rows, free)]
    if start > 0 and start + len(rows) == len(matches) and len(_lines(rows)) < free:  # the end fills a page too
        layout = layout_of(slice(max(len(matches) - room, 0), None))
        rows = layout.rows[-_fitting(layout.rows[::-1], free) :]
        start = len(matches) - len(rows)
    browser.above, browser.page = start, max(len(rows), 1)
    return [layout.header, *_lines(rows), *footer(start, len(rows))]


def _fitting(rows: Sequence[Sequence[Text]], free: int) -> int:
    """How many of the first rows fit into `free` lines, at least one."""
    return max(sum(lines <= free for lines in accumulate(map(len, rows))), 1)


def _lines(rows: Iterable[Iterable[Text]]) -> list[Text]:
    return [line for row in rows for line in row]
