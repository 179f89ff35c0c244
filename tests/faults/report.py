"""The outcome of a fault run as a table, and as JSON."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.faults.rounds import Row

_COLUMNS = ("rounds", "frames", "lost", "duplicate", "wrong", "out of order", "parked", "drained, median s", "most s")


def print_table(rows: Sequence[Row], caption: str) -> None:
    """A row for each fault, then what may not have happened."""
    table = Table("fault", *_COLUMNS, caption=caption)
    for row in rows:
        table.add_row(row.fault, *cells(row), style=None if row.holds else "red")
    console = Console(width=160)
    console.print(table)
    for row in rows:
        for problem in row.problems[:10]:
            console.print(f"[red]{row.fault}[/]: {problem}", highlight=False)


def cells(row: Row) -> list[str]:
    """A row's cells after its name."""
    if row.skipped is not None:
        return [f"skipped: {row.skipped}", *[""] * (len(_COLUMNS) - 1)]
    drains = sorted(row.drains)
    counts = (row.rounds, row.frames, row.lost, row.duplicate, row.wrong, row.disordered, row.parked)
    return [*map(str, counts), *(f"{seconds:.1f}" for seconds in (statistics.median(drains), drains[-1]))]


def write_json(rows: Sequence[Row], path: Path) -> None:
    """Everything about every row."""
    path.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
