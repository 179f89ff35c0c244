"""Output that programs read, and output that people read."""

import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from common.errors import ConfigurationError
from common.writable import check_file

#: The terminal for progress and tables: standard error, so that standard output stays free for JSON.
console = Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_json(value: Any, target: str) -> None:
    """JSON to a file, or to standard output for "-"."""
    if target == "-":
        print_json(value)
    else:
        try:
            Path(target).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(f"json is {target}, which can't be written: {error.strerror}") from error


def check_target(target: str | None) -> None:
    """Raise `ConfigurationError` when JSON can't be written to a file: before long work whose report it is."""
    if target is not None and target != "-":
        check_file(Path(target), "json")
