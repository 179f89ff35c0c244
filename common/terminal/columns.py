"""Rows of columns that fit a terminal: nothing in them is ever cut.

Where a terminal is narrow, the columns that matter least are left out. A name too long for its column
stands on a line of its own above its row, as `df` does it, and any other text below.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

#: Characters of the widest column of names, and of text, while other columns need the place.
_WIDEST_NAME, _WIDEST = 32, 24
#: Characters of a text that others chose, at most.
_LONGEST = 200
#: The spaces between two columns, and before a text below its row.
_GAP, _INDENT = " ", "  "
#: The least number that is shortened, such as 12.3M, lest it take all the place.
_FULL_DIGITS = 10_000_000
#: The units of short numbers.
_UNITS = ((10**12, "T"), (10**9, "G"), (10**6, "M"))
#: The largest number that is shown.
_MOST = 10**15 - 1


@dataclass(frozen=True)
class Column:
    """A column with its header. Of several, the one of the highest `rank` is left out first, never the first column.

    `right` aligns its cells to the right. One that is `below` is shown below its row, where it is left out.
    """

    header: str
    rank: int = 0
    right: bool = False
    below: bool = False


@dataclass(frozen=True)
class Layout:
    """A header line, the lines of each row, and the headers of the columns that found no place."""

    header: Text
    rows: list[list[Text]]
    hidden: list[str]


def lay_out(columns: Sequence[Column], rows: Sequence[Sequence[Text]], width: int) -> Layout:
    """Rows of as many cells as there are columns, laid out for a terminal of `width` characters."""
    natural = [_natural(number, column, [row[number] for row in rows]) for number, column in enumerate(columns)]
    shown = list(range(len(columns)))
    while len(shown) > 1 and sum(natural[number] + len(_GAP) for number in shown) - len(_GAP) > width:
        shown.remove(max(shown[1:], key=lambda number: (columns[number].rank, number)))
    # The rest of the width is for longer names.
    rest = width - sum(natural[number] + len(_GAP) for number in shown[1:])
    longest = max([natural[0], *(row[0].cell_len for row in rows if row[0].cell_len <= rest)])
    widths = {number: natural[number] for number in shown} | {0: longest}
    return Layout(
        _line(columns, [Text(column.header, style="bold") for column in columns], widths),
        [_row(columns, row, widths, width) for row in rows],
        [column.header for number, column in enumerate(columns) if number not in widths and not column.below],
    )


def prose(text: str, width: int, style: str = "") -> list[Text]:
    """A sentence in lines that break between words."""
    return [Text(line, style=style) for line in textwrap.wrap(text, width)]


def amount(number: int) -> str:
    """A number in full, or shortened where it is very large."""
    number = min(max(number, 0), _MOST)
    if number < _FULL_DIGITS:
        return f"{number:,}"
    size, unit = next(each for each in _UNITS if number >= each[0])
    return f"{number / size:.1f}{unit}"


def duration(seconds: float) -> str:
    """A span of time in its two largest units."""
    minutes, seconds = divmod(round(min(max(seconds, 0), 1e10)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours}h"
    return f"{hours}h {minutes}m" if hours else f"{minutes}m {seconds}s" if minutes else f"{seconds}s"


def printable(text: str) -> str:
    """A text that others chose, harmless to a terminal."""
    text = "".join(letter if letter.isprintable() else "�" for letter in text[: _LONGEST + 1])
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


def _natural(number: int, column: Column, cells: Sequence[Text]) -> int:
    """The width that a column needs, without texts so long that they get lines of their own."""
    widest = _WIDEST_NAME if number == 0 else _WIDEST
    widths = (cell.cell_len for cell in cells)
    return max([cell_len(column.header), *(width for width in widths if column.right or width <= widest)])


def _row(columns: Sequence[Column], row: Sequence[Text], widths: dict[int, int], width: int) -> list[Text]:
    cells = list(row)
    above: list[Text] = []
    below: list[Text] = []
    for number, column in enumerate(columns):
        cell, most = cells[number], widths.get(number, 0 if column.below else None)
        if most is None or cell.cell_len <= most:
            continue
        if number == 0:
            above = [cell]
        else:
            lines = prose(f"{column.header}: {cell.plain}", width - len(_INDENT), str(cell.style))
            below += [Text(_INDENT).append_text(line) for line in lines]
        cells[number] = Text()
    return [*above, _line(columns, cells, widths), *below]


def _line(columns: Sequence[Column], cells: Sequence[Text], widths: dict[int, int]) -> Text:
    line = Text()
    for number, most in sorted(widths.items()):
        cell, pad = cells[number], _GAP * (most - cells[number].cell_len)
        line.append(_GAP if number else "")
        if columns[number].right:
            line.append(pad)
        line.append_text(cell)
        if not columns[number].right:
            line.append(pad)
    line.rstrip()
    return line
