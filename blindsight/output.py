"""Output that programs read, and output that people read."""

import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

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
        Path(target).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
