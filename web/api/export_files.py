"""Rows of the history as files: CSV, lines of JSON, or Parquet, made piece by piece."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from importlib.util import find_spec
from itertools import chain, islice
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Query, Request, Response

from common.csv_cells import cell
from common.installed import install_command
from web.api.streams import download
from web.errors import ProblemError
from web.site import LabelView, ReadingView

Format = Annotated[Literal["csv", "jsonl", "parquet"], Query(description="CSV, lines of JSON, or Parquet.")]
Row = LabelView | ReadingView
#: The type of each format's files.
_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl", "parquet": "application/vnd.apache.parquet"}
#: What the OpenAPI document says of answers.
FILES: dict[int | str, dict[str, Any]] = {
    200: {"content": {name.partition(";")[0]: {} for name in _TYPES.values()}},
    501: {"description": "Parquet can't be written here, since pyarrow isn't installed."},
}
#: Rows of a piece; a group of rows in Parquet has more, or files would be several times as large.
_ROWS, _ROWS_OF_GROUP = 500, 20_000


def export(request: Request, rows: Iterator[Any], kind: type[Row], format: str, name: str) -> Response:
    """Rows of a kind as an answer. Raises `ProblemError` (501) where Parquet can't be written."""
    if format == "parquet" and find_spec("pyarrow") is None:
        raise ProblemError(f"Parquet needs pyarrow, which isn't installed; run: {install_command('pyarrow')}", 501)
    every = chain(list(islice(rows, 1)), rows)  # a site that can't answer says so before the answer begins
    make = {"csv": _csv, "jsonl": _lines, "parquet": _parquet}[format]
    return download(request, make(every, kind), f"{name}.{format}", _TYPES[format])


def _csv(rows: Iterator[Any], kind: type[Row]) -> Iterator[bytes]:
    names = [field.name for field in fields(kind)]
    yield ",".join(names).encode() + b"\r\n"
    for some in _pieces(rows, _ROWS):
        text = io.StringIO(newline="")
        csv.writer(text).writerows([cell(getattr(row, name)) for name in names] for row in some)
        yield text.getvalue().encode(errors="replace")


def _lines(rows: Iterator[Any], kind: type[Row]) -> Iterator[bytes]:
    encoder = msgspec.json.Encoder()
    for some in _pieces(rows, _ROWS):
        yield b"".join(encoder.encode(row) + b"\n" for row in some)


def _parquet(rows: Iterator[Any], kind: type[Row]) -> Iterator[bytes]:
    import pyarrow
    import pyarrow.parquet

    types = {"str": pyarrow.string(), "int": pyarrow.int64(), "float": pyarrow.float64()}
    schema = pyarrow.schema([(field.name, types.get(_name(field.type), pyarrow.string())) for field in fields(kind)])
    sink = _Sink()
    with pyarrow.parquet.ParquetWriter(pyarrow.PythonFile(sink, "w"), schema) as writer:
        for some in _pieces(rows, _ROWS_OF_GROUP):
            writer.write_table(pyarrow.Table.from_pylist([asdict(row) for row in some], schema))
            yield sink.taken()
    yield sink.taken()


class _Sink(io.RawIOBase):
    """Keeps what is written until it is taken, and counts all of it."""

    def __init__(self) -> None:
        self._new, self._position = bytearray(), 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._new += data
        self._position += len(data)
        return len(data)

    def tell(self) -> int:
        return self._position

    def taken(self) -> bytes:
        """What was written since the last time."""
        new, self._new = bytes(self._new), bytearray()
        return new


def _name(kind: Any) -> str:
    return kind if isinstance(kind, str) else getattr(kind, "__name__", "str")


def _pieces(rows: Iterable[Any], number: int) -> Iterator[list[Any]]:
    every = iter(rows)
    while some := list(islice(every, number)):
        yield some
