"""The process that feeds a parser: it lives with little memory, and may die of what it reads.

    python -m tests.fuzz.child NAME SEED FIRST SECONDS CASES FOLDER

Prints a JSON line for each input that failed, which is kept in FOLDER, and at last one with the number that comes
next. Input N of a seed is the same each time, but for seeds that hold fresh keys. What is being read lies in
FOLDER/input, its number first, so that whoever started the process finds it there should it die.
"""

import contextlib
import json
import logging
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

import structlog

from common.errors import BlindsightError
from tests.fuzz.mutation import mutate
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

#: Memory that an input may take, in bytes; and the address space on top of what is used when the seeds are read.
MOST_MEMORY, _ADDRESS_SPACE = 512 * 2**20, 3 * 2**30
#: Seconds of CPU that an input may take; then the process is ended.
MOST_SECONDS = 10


def main() -> None:
    """Feed one target, as the command line says."""
    name, seed, first, seconds, cases, folder = sys.argv[1:]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    tempfile.tempdir = folder
    target = TARGETS[name]
    seeds = [*target.seeds(), *(path.read_bytes() for path in target.kept())]
    with contextlib.suppress(BlindsightError):
        target.read(seeds[0])  # so that what it imports and keeps isn't an input's
    _limit_memory()
    number, until = int(first), time.monotonic() + float(seconds)
    done = 0
    while time.monotonic() < until and (int(cases) == 0 or done < int(cases)):
        data = mutate(random.Random(f"{name}/{seed}/{number}"), seeds, target.structure)
        (Path(folder) / "input").write_bytes(number.to_bytes(8, "big") + data)
        problem = read(target, data)
        if problem is not None:
            (Path(folder) / f"failed-{number}").write_bytes(data)
            print(json.dumps({"number": number, "problem": problem}), flush=True)
        number, done = number + 1, done + 1
    print(json.dumps({"next": number}), flush=True)


def read(target: Target, data: bytes) -> str | None:
    """What is wrong about how a target takes these bytes; None when nothing is."""
    before, started = _peak(), time.process_time()
    signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)  # its signal ends the process
    try:
        target.read(data)
    except BlindsightError as error:
        if _of_memory(error):
            return "a claim of memory was tried before it was refused"
        if len(str(error)) > 5000:
            return f"a message of {len(str(error)):,} characters"
    except Exception as error:  # that is what is looked for
        places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
        return f"{type(error).__name__}: {str(error)[:200]} ({' → '.join(places[-4:])})"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    if _peak() - before > MOST_MEMORY:
        return f"{(_peak() - before) / 2**20:.0f} MB of memory"
    if time.process_time() - started > MOST_SECONDS:
        return f"{time.process_time() - started:.1f} s"
    return None


def _of_memory(error: BaseException | None) -> bool:
    """Whether an error comes of memory that there wasn't: with more, it would have been filled."""
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _limit_memory() -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (used + _ADDRESS_SPACE,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**30, 2**30))


if __name__ == "__main__":
    main()
