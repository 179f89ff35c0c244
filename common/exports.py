"""Rows as a file for other programs: CSV, JSON lines or Parquet, made a few rows at a time.

A row is a frozen dataclass whose fields are texts, whole numbers and numbers, or None.
"""

import csv
import io
import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from itertools import islice
from operator import attrgetter
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from common.csv_cells import cell
from common.errors import ConfigurationError
from common.installed import install_command

Format = Literal["csv", "jsonl", "parquet"]

#: The media type of each format.
MEDIA_TYPES: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl",
    "parquet": "application/vnd.apache.parquet",
}
#: Rows that are written at once.
_ROWS = 10_000


def exported(rows: Iterable[object], kind: type, form: Format) -> Iterator[bytes]:
    """Rows of a kind as the bytes of a file in a format, piece by piece.

    Raises `ConfigurationError` at once where pyarrow is missing for it.
    """
    return _WRITERS[form](rows, kind)


def columns(kind: type) -> tuple[str, ...]:
    """The columns that rows of a kind have."""
    return tuple(field.name for field in fields(kind))


def _csv(rows: Iterable[object], kind: type) -> Iterator[bytes]:
    names = columns(kind)
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(names)
    values = attrgetter(*names)
    remaining = iter(rows)
    while True:
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()
        batch = list(islice(remaining, _ROWS))
        if not batch:
            return
        writer.writerows(map(cell, values(row)) for row in batch)


def _json_lines(rows: Iterable[object], kind: type) -> Iterator[bytes]:
    remaining = iter(rows)
    while batch := list(islice(remaining, _ROWS)):
        yield b"".join(msgspec.json.encode(row) + b"\n" for row in batch)


def _parquet(rows: Iterable[object], kind: type) -> Iterator[bytes]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise ConfigurationError(
            f"format is 'parquet', which needs pyarrow, and that isn't installed; run: {install_command('pyarrow')}"
        ) from error
    of = {int: pyarrow.int64(), str: pyarrow.string(), float: pyarrow.float64()}
    names = columns(kind)
    hints = get_type_hints(kind)
    schema = pyarrow.schema([(name, of[_plain(hints[name])]) for name in names])

    def pieces() -> Iterator[bytes]:
        piece = _Piece()
        values = attrgetter(*names)
        remaining = iter(rows)
        with parquet.ParquetWriter(piece, schema) as writer:
            while batch := list(islice(remaining, _ROWS)):
                arrays = [
                    pyarrow.array(column, kind_of)
                    for column, kind_of in zip(zip(*map(values, batch), strict=True), schema.types, strict=True)
                ]
                writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))
                yield piece.taken()
        yield piece.taken()

    return pieces()


def _plain(hint: Any) -> type:
    """The type of a field's values besides None."""
    if get_origin(hint) is Literal:
        return type(get_args(hint)[0])
    if get_origin(hint) in (Union, types.UnionType):
        return _plain(next(each for each in get_args(hint) if each is not types.NoneType))
    return hint  # type: ignore[no-any-return]


class _Piece(io.RawIOBase):
    """A file that is written, and taken away piece by piece."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._length = 0

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Any) -> int:
        """Take bytes."""
        self._parts.append(bytes(data))
        self._length += len(self._parts[-1])
        return len(self._parts[-1])

    def tell(self) -> int:
        """The bytes that were written."""
        return self._length

    def taken(self) -> bytes:
        """The bytes that were written since it was called last."""
        taken, self._parts = b"".join(self._parts), []
        return taken


#: The function that writes each format.
_WRITERS: dict[Format, Callable[[Iterable[object], type], Iterator[bytes]]] = {
    "csv": _csv,
    "jsonl": _json_lines,
    "parquet": _parquet,
}
