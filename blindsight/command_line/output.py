"""Output that programs read, and output that people read."""

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from common.errors import ConfigurationError
from common.writable import check_file

#: Progress and tables; standard output stays free for JSON.
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


def prepare_streams() -> None:
    """Print UTF-8 whatever the locale says, as Python itself does from 3.15 on; file names pass as they are.

    Where standard output or error is closed, what goes there goes nowhere.
    """
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115
    for stream, errors in ((sys.stdout, "surrogateescape"), (sys.stderr, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors=errors)


def flush_output() -> None:
    """Write out what was printed. Raises `OSError`, and forgets it, or Python would try again at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise
