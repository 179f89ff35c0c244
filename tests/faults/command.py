"""`make test-faults`: each fault in rounds, then faults at random, and a table of what came of it.

    make test-faults                                      one round of each, some minutes
    make test-faults ARGS="--rounds 20 --minutes 30"      the long form
    make test-faults ARGS="--only 'Redis flushed' --rounds 100 --seed 7"

Exits with 1 when a frame was lost, labelled twice or wrongly, parked without need, or not answered in time.
"""

import argparse
import atexit
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from tests.faults.backlog import NAME as BACKLOG
from tests.faults.backlog import run_backlog
from tests.faults.disks import namespace_command
from tests.faults.faults import FAULTS
from tests.faults.report import print_table, write_json
from tests.faults.rounds import RANDOM, Row, run, run_random

NAMES = tuple(fault.name for fault in FAULTS)
ALL = (*NAMES, BACKLOG, RANDOM)


def main() -> int:
    """Run what the command line says; the exit code."""
    end_when_told()
    arguments = _parse()
    if not arguments.in_namespace and (before := namespace_command()) is not None:
        command = [*before, sys.executable, "-m", "tests.faults", *sys.argv[1:], "--in-namespace"]
        os.execvp(command[0], command)
    started = time.monotonic()
    rows = _run_all(arguments)
    print_table(rows, f"{_command()}, seed {arguments.seed}, {(time.monotonic() - started) / 60:.0f} min")
    if arguments.json:
        write_json(rows, arguments.json)
    return 0 if all(row.holds for row in rows) else 1


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make test-faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=1, help="rounds of each fault (default: 1)")
    parser.add_argument("--minutes", type=float, default=1, help="minutes of random faults (default: 1)")
    parser.add_argument("--seed", type=int, default=1, help="what is random follows from it (default: 1)")
    parser.add_argument("--only", action="append", choices=ALL, metavar="FAULT", help="this fault alone; repeatable")
    parser.add_argument("--parallel", type=int, default=2, help="sites that run at the same time (default: 2)")
    parser.add_argument("--json", type=Path, help="write the rows to this file too")
    parser.add_argument("--in-namespace", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.rounds < 1 or arguments.minutes < 0 or arguments.parallel < 1:
        parser.error("--rounds and --parallel are at least 1, --minutes at least 0")
    return arguments


def _run_all(arguments: argparse.Namespace) -> list[Row]:
    """All that the command line asks for, on so many sites at a time; then the backlog, which needs all cores."""
    folder = Path(tempfile.mkdtemp(prefix="blindsight-faults-"))
    names: Sequence[str] = arguments.only or ALL
    rounds, seed = arguments.rounds, arguments.seed
    rows: list[Row] = []
    jobs = [
        partial(run, part, rounds, seed, folder / f"{place:02d}")
        for place, part in enumerate(_parts([name for name in names if name in NAMES], arguments))
    ]
    if RANDOM in names and arguments.minutes:
        jobs.insert(0, partial(run_random, arguments.minutes, seed, folder / "random"))
    with get_context("spawn").Pool(arguments.parallel, end_when_told) as pool:  # at its end they are told
        for some in pool.imap_unordered(_call, jobs):
            rows += some
    if BACKLOG in names:
        rows += run_backlog(rounds, seed, folder / "backlog")
    if all(row.holds for row in rows):
        shutil.rmtree(folder)
    else:
        print(f"logs, outboxes and records are in {folder}", file=sys.stderr)
    return sorted(rows, key=lambda row: ALL.index(row.fault))


def _call(job: Callable[[], list[Row]]) -> list[Row]:
    return job()


def end_when_told() -> None:
    """Let SIGTERM end a process as Ctrl-C does: with its site. But not while Python ends anyway."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    atexit.register(signal.signal, signal.SIGTERM, signal.SIG_DFL)


def _parts(names: Sequence[str], arguments: argparse.Namespace) -> list[list[str]]:
    """Faults that share a site: in a short run many do, since a site takes seconds to start."""
    number = len(names) if arguments.rounds > 1 else min(arguments.parallel, len(names))
    return [list(names[place::number]) for place in range(number)]


def _command() -> str:
    """This run's command, as it would be given again."""
    words = [f"'{word}'" if " " in word else word for word in sys.argv[1:] if word != "--in-namespace"]
    return "make test-faults" + (f' ARGS="{" ".join(words)}"' if words else "")
