"""Rows are exported a few at a time, the same in each format; memory holds no more of them for it."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import count
from typing import Literal, get_args

import pytest
from pyarrow import parquet

from common import exports
from common.exports import MEDIA_TYPES, Format, columns, exported


@dataclass(frozen=True)
class Weather:
    place: str
    day: int
    degrees: float
    rain: float | None
    sky: Literal["clear", "grey"]
    remark: str | None = None


ROWS = [
    Weather("=Oslo", 1, -2.5, None, "grey"),
    Weather("Bonn\n", 2, 7.0, 0.25, "clear", 'Föhn; "warm", dry'),
    Weather("", 3, 1e-9, 0.0, "grey", "-"),
]


def test_every_format_has_the_same_rows() -> None:
    whole = {form: b"".join(exported(ROWS, Weather, form)) for form in get_args(Format)}
    assert [json.loads(line) for line in whole["jsonl"].splitlines()] == [asdict(row) for row in ROWS]
    assert parquet.read_table(io.BytesIO(whole["parquet"])).to_pylist() == [asdict(row) for row in ROWS]
    head, *lines = csv.reader(io.StringIO(whole["csv"].decode(), newline=""))
    assert head == list(columns(Weather)) == ["place", "day", "degrees", "rain", "sky", "remark"]
    assert lines == [
        ["'=Oslo", "1", "-2.5", "", "grey", ""],  # what a spreadsheet program would take for a formula is text
        ["Bonn\n", "2", "7.0", "0.25", "clear", 'Föhn; "warm", dry'],
        ["", "3", "1e-09", "0.0", "grey", "'-"],
    ]


def test_no_rows_are_a_file_with_columns_alone() -> None:
    assert b"".join(exported([], Weather, "csv")).startswith(b'"place","day"')
    assert b"".join(exported([], Weather, "jsonl")) == b""
    assert parquet.read_table(io.BytesIO(b"".join(exported([], Weather, "parquet")))).num_rows == 0


@pytest.mark.parametrize("form", get_args(Format))
def test_a_piece_is_there_before_later_rows_are_read(form: Format, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "_ROWS", 10)
    read = count()

    def endless() -> Iterator[Weather]:
        while True:
            yield Weather("Rome", next(read), 20.0, None, "clear")

    pieces = exported(endless(), Weather, form)
    for _ in range(5):
        assert next(pieces)
    assert next(read) <= 51
    assert form in MEDIA_TYPES
