"""`python -m tests.faults.jumping_device …`: `blindsight …` with a wall clock that a file sets wrong, by seconds.

The file is named by WALL_CLOCK_FILE. Monotonic clocks go on, as the kernel's do when the time is set.
"""

import os
import time
from pathlib import Path

_FILE = Path(os.environ["WALL_CLOCK_FILE"])
_right = time.time


def _wrong() -> float:
    try:
        return _right() + float(_FILE.read_text() or 0)
    except FileNotFoundError:
        return _right()


if __name__ == "__main__":
    time.time = _wrong

    from blindsight.cli import main

    main()
