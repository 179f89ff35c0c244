"""`make test-faults`: each fault in rounds, then faults at random, and a table of what came of it.

    make test-faults                                      one round of each, about five minutes
    make test-faults ARGS="--rounds 20 --minutes 30"      the long form
    make test-faults ARGS="--only 'Redis flushed' --rounds 100 --seed 7"

Exits with 1 when a frame was lost, labelled twice or wrongly, parked without need, or not answered in time.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from tests.faults.disks import namespace_command
from tests.faults.faults import FAULTS
from tests.faults.report import print_table, write_json
from tests.faults.rounds import Row, run, run_random

NAMES = tuple(fault.name for fault in FAULTS)


def main() -> int:
    """Run what the command line says; the exit code."""
    arguments = _parse()
    if not arguments.in_namespace and (before := namespace_command()) is not None:
        command = [*before, sys.executable, "-m", "tests.faults", *sys.argv[1:], "--in-namespace"]
        return subprocess.run(command, check=False).returncode
    started = time.monotonic()
    rows = _run_all(arguments)
    command = "make test-faults" + (f' ARGS="{" ".join(_without_flag(sys.argv[1:]))}"' if sys.argv[1:] else "")
    print_table(rows, f"{command}, seed {arguments.seed}, {(time.monotonic() - started) / 60:.0f} min")
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
    parser.add_argument("--only", action="append", choices=NAMES, metavar="FAULT", help="this fault alone; repeatable")
    parser.add_argument("--parallel", type=int, default=2, help="sites that run at the same time (default: 2)")
    parser.add_argument("--json", type=Path, help="write the rows to this file too")
    parser.add_argument("--in-namespace", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.rounds < 1 or arguments.minutes < 0 or arguments.parallel < 1:
        parser.error("--rounds and --parallel are at least 1, --minutes at least 0")
    return arguments


def _run_all(arguments: argparse.Namespace) -> list[Row]:
    folder = Path(tempfile.mkdtemp(prefix="blindsight-faults-"))
    names, rows = arguments.only or NAMES, []
    with ProcessPoolExecutor(arguments.parallel, get_context("spawn")) as pool:
        jobs = {}
        if arguments.minutes and not arguments.only:  # the longest first
            job = pool.submit(run_random, arguments.minutes, arguments.seed, folder / "random")
            jobs[job] = len(names)
        for place, name in enumerate(names):
            job = pool.submit(run, name, arguments.rounds, arguments.seed, folder / f"{place:02d}")
            jobs[job] = place
        try:
            for job in as_completed(jobs):
                rows.append((jobs[job], job.result()))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    ordered = [row for _, row in sorted(rows, key=lambda one: one[0])]
    if all(row.holds for row in ordered):
        shutil.rmtree(folder)
    else:
        print(f"logs, outboxes and records are in {folder}", file=sys.stderr)
    return ordered


def _without_flag(words: Sequence[str]) -> list[str]:
    return [f"'{word}'" if " " in word else word for word in words if word != "--in-namespace"]


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
