"""`make fuzz`: hostile bytes for every parser, and what came of them.

    make fuzz                                       a minute, shared by all parsers
    make fuzz ARGS="--minutes 10 --seed 7"          longer, with other inputs
    make fuzz ARGS="--only outbox --only onnx"      these alone
    make fuzz ARGS="--only outbox --input FILE"     one input again, with its traceback

An input fails when something else than an error of ours comes of it, when it takes over 512 MB of memory or ten
seconds of CPU, or when the process dies. It is saved, with how to repeat it. Exits with 1 when one failed.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.fuzz.targets import TARGETS

_FAILED = Path(".cache/fuzz")
#: Failures of one parser after which the rest of its time is spared: they are mostly the same.
_ENOUGH = 20
#: Seconds that a process may take to start, and for its last input.
_GRACE = 120


@dataclass
class Row:
    """A parser, how many inputs it got, and those that failed: what was wrong, and where the input is."""

    parser: str
    cases: int = 0
    seconds: float = 0.0
    failures: list[dict[str, str]] = field(default_factory=list)


def main() -> int:
    """Run what the command line says; the exit code."""
    arguments = _parse()
    names = arguments.only or list(TARGETS)
    if arguments.input:
        with tempfile.TemporaryDirectory(prefix="blindsight-fuzz-") as tempfile.tempdir:
            TARGETS[names[0]].read(arguments.input.read_bytes())  # with its traceback, if there is one
        print(f"{names[0]} takes {arguments.input}")
        return 0
    seconds = arguments.minutes * 60 / len(names)
    rows = [_fuzz(name, arguments.seed, seconds, arguments.cases, arguments.failed) for name in names]
    for row in rows:
        print(f"{row.parser:16} {row.cases:>8,} cases in {row.seconds:5.0f} s  {len(row.failures)} failed")
    total, failed = sum(row.cases for row in rows), sum(len(row.failures) for row in rows)
    print(f"{len(rows)} parsers × {total:,} cases, seed {arguments.seed}: {failed} failed")
    if arguments.json:
        text = json.dumps({"seed": arguments.seed, "parsers": [asdict(row) for row in rows]}, indent=1)
        print(text) if arguments.json == "-" else Path(arguments.json).write_text(text + "\n")
    return 1 if failed else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=1, help="for all parsers together (default: 1)")
    parser.add_argument("--cases", type=int, default=0, help="inputs for each parser, at most (default: no bound)")
    parser.add_argument("--seed", type=int, default=1, help="which inputs there are (default: 1)")
    parser.add_argument(
        "--only", action="append", choices=TARGETS, metavar="NAME", help=f"{', '.join(TARGETS)}; repeatable"
    )
    parser.add_argument("--input", type=Path, metavar="FILE", help="read this file alone, as --only says")
    parser.add_argument("--failed", type=Path, default=_FAILED, help=f"where failed inputs go (default: {_FAILED})")
    parser.add_argument("--json", metavar="FILE", help="write the table as JSON too; - for standard output")
    arguments = parser.parse_args()
    if arguments.input and len(arguments.only or []) != 1:
        parser.error("--input needs --only NAME, once")
    return arguments


def _fuzz(name: str, seed: int, seconds: float, cases: int, failed: Path) -> Row:
    """One parser for its time, in as many processes as die of it."""
    row, started, first = Row(name), time.monotonic(), 0
    while (left := seconds - (time.monotonic() - started)) > 0 and len(row.failures) < _ENOUGH:
        if cases and first >= cases:
            break
        with tempfile.TemporaryDirectory(prefix="blindsight-fuzz-") as folder:
            command = [name, str(seed), str(first), str(left), str(max(cases - first, 0)), folder]
            lines, died = _run(command, left + _GRACE)
            for line in lines:
                if "problem" in line:
                    data = (Path(folder) / f"failed-{line['number']}").read_bytes()
                    _save(row, line["problem"], data, failed)
            reached = next((line["next"] for line in lines if "next" in line), None)
            if reached is None:
                last = Path(folder) / "input"
                if not last.exists():
                    raise SystemExit(f"the process for {name} ended before its first input: {died}")
                _save(row, f"the process died: {died}", last.read_bytes()[8:], failed)
                reached = int.from_bytes(last.read_bytes()[:8], "big") + 1
            first = reached
    row.cases, row.seconds = first, time.monotonic() - started
    return row


def _run(arguments: Sequence[str], timeout: float) -> tuple[list[dict[str, Any]], str]:
    command = [sys.executable, "-m", "tests.fuzz.child", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=timeout, check=False)
    except subprocess.TimeoutExpired as error:
        output = (error.stdout or b"").decode(errors="replace")  # bytes here, whatever was asked for
        return _json_lines(output), "it hung"
    why = f"signal {-done.returncode}" if done.returncode < 0 else done.stderr.strip()[-1000:]
    return _json_lines(done.stdout), why


def _json_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{") and line.endswith("}")]


def _save(row: Row, problem: str, data: bytes, failed: Path) -> None:
    """Keep an input that failed, and say how to repeat it."""
    failed.mkdir(parents=True, exist_ok=True)
    path = failed / f"{row.parser}-{hashlib.sha256(data).hexdigest()[:8]}"
    path.write_bytes(data)
    again = f'make fuzz ARGS="--only {row.parser} --input {path}"'
    print(f"{row.parser}: {problem}\n  again: {again}", flush=True)
    row.failures.append({"problem": problem, "input": str(path), "again": again})
