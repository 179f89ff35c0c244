"""CSV files that others wrote, read within bounds: a short file must not fill the memory."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from common.files import read_file

#: Bytes of a file, at most.
_MOST_BYTES = 1 << 26
#: Lines that aren't empty, at most, and what stands in one of them between commas.
_MOST_ROWS, _MOST_COLUMNS = 1_000_000, 50


def read_csv(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a file, its first line among them, each with the number of its line; empty ones are left out.

    Raises `OSError` where it can't be read, and `ValueError` where it is no CSV in UTF-8, or beyond the bounds.
    """
    reader = csv.reader(io.StringIO(read_file(path, _MOST_BYTES).decode("utf-8-sig"), newline=""))
    rows = 0
    try:
        for row in reader:
            if len(row) > _MOST_COLUMNS:
                raise ValueError(f"line {reader.line_num:,} has {len(row):,} columns; at most {_MOST_COLUMNS} are read")
            if row:
                rows += 1
                yield reader.line_num, row
            if rows > _MOST_ROWS:
                raise ValueError(f"it has more than {_MOST_ROWS:,} lines")
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num:,}: {error}") from error
