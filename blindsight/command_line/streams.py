"""Standard output and standard error: UTF-8 in any locale, and usable where they are closed or full."""

import io
import os
import sys
from pathlib import Path


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
