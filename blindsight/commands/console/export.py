"""`blindsight console export`: the labels or readings that a console recorded, as a file."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import chain, count, islice
from pathlib import Path
from typing import IO, Annotated, get_args

import typer

from blindsight.command_line.app import App
from common.errors import BlindsightError, ConfigurationError
from common.exports import Format, exported
from common.service.ages import seconds_of
from common.service.settings_errors import PREFIX
from console.record.export import ReadingRow, Row, read_readings, read_rows
from console.record.record import FILE

app = App(name="export")

State = Annotated[Path, typer.Option(envvar=f"{PREFIX}STATE", help="The console's state folder; it may run meanwhile.")]
Since = Annotated[
    str,
    typer.Option(help="From when on they were recorded: a date, a time like 2026-11-26T08:00, or an age like 7d."),
]
Until = Annotated[str | None, typer.Option(help="Before when they were recorded, in the same forms; now without it.")]
Form = Annotated[str, typer.Option("--format", help="csv, jsonl or parquet.")]
Readings = Annotated[bool, typer.Option("--readings", help="Write readings in place of labels.")]
Out = Annotated[Path | None, typer.Option(help="File to write, in place of standard output.")]


@app.command()
def export(
    state: State, since: Since, until: Until = None, form: Form = "csv", readings: Readings = False, out: Out = None
) -> None:
    """Write recorded labels, or readings, to a file, without scores. Local time, unless it names its offset."""
    for file_format in get_args(Format):
        if form == file_format:
            break
    else:
        raise ConfigurationError(f"format is {form!r}; give one of {', '.join(get_args(Format))}")
    now, out = time.time(), None if out == Path("-") else out
    start, end = _moment("since", since, now), None if until is None else _moment("until", until, now)
    rows: Iterator[Row | ReadingRow] = (read_readings if readings else read_rows)(state / FILE, start, end)
    first = list(islice(rows, 1))  # a record that can't be read is told before anything is written
    numbers = count()
    counted = (row for row, _ in zip(chain(first, rows), numbers, strict=False))  # takes a number for each row
    with _open(out) as file:
        for piece in exported(counted, ReadingRow if readings else Row, file_format):
            file.write(piece)
    number = next(numbers)
    what = "reading" if readings else "label"
    typer.echo(f"{number:,} {what}{'' if number == 1 else 's'} written{'' if out is None else f' to {out}'}", err=True)


def _moment(name: str, text: str, now: float) -> float:
    """A date, time or age as seconds since the epoch. Raises `ConfigurationError`."""
    age = seconds_of(text)
    if age is not None:
        return now - age
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise ConfigurationError(
            f"{name} is {text!r}; give a date like 2026-11-26, a time like 2026-11-26T08:00, or an age like 7d"
        ) from error


@contextmanager
def _open(out: Path | None) -> Iterator[IO[bytes]]:
    """Where to write. A file appears once it is whole, and only its owner can read it, as with the record."""
    where = "standard output" if out is None else str(out)
    partial = None if out is None else out.with_name(f"{out.name}.partial")
    try:
        if out is None or partial is None:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
            return
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
        partial.replace(out)
    except OSError as error:
        if out is None:  # or Python would try to write what is left, at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise BlindsightError(f"{where} can't be written: {error.strerror}") from error
    finally:
        if partial is not None:
            partial.unlink(missing_ok=True)
