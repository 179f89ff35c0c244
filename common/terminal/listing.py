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
    found = browser.select(everyone)

    def laid_out(part: slice) -> Layout:
        return lay_out(columns, [cells(device) for device in found[part]], width)

    def footer(start: int, count: int) -> list[Text]:
        told = []
        if count < len(everyone):
            told.append(f"{start + 1 if count else 0:,}–{start + count:,} of {len(found):,}")
        if room is not None:
            told.append(browser.help())
        if layout.hidden:
            told.append(f"no room for {', '.join(layout.hidden)}")
        return prose("   ".join(told), width, "dim")

    if room is None:
        layout = laid_out(slice(None))
        return [layout.header, *_lines(layout.rows), *footer(0, len(found))]
    start = max(min(browser.above, len(found) - 1), 0)
    layout = laid_out(slice(start, start + room))
    left = room - 1 - len(footer(start, len(found) - 1))
    rows = layout.rows[: _fitting(layout.rows, left)]
    if start > 0 and start + len(rows) == len(found) and len(_lines(rows)) < left:  # the end fills a page too
        layout = laid_out(slice(max(len(found) - room, 0), None))
        rows = layout.rows[-_fitting(layout.rows[::-1], left) :]
        start = len(found) - len(rows)
    browser.above, browser.page = start, max(len(rows), 1)
    return [layout.header, *_lines(rows), *footer(start, len(rows))]


def _fitting(rows: Sequence[Sequence[Text]], left: int) -> int:
    """How many of the first rows fit into so many lines, at least one."""
    return max(sum(lines <= left for lines in accumulate(map(len, rows))), 1)


def _lines(rows: Iterable[Iterable[Text]]) -> list[Text]:
    return [line for row in rows for line in row]
