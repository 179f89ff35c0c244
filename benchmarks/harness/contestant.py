"""One contestant of a comparison: a process that sets up once and then measures in rounds, as it is told.

Rounds of several contestants can so take turns, and the machine's noise hits all alike. The parent writes a
number of frames per line; the child answers each line with one line of JSON.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

#: Every way to ask the libraries concerned for one thread. TenSEAL takes it as an argument besides.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "GOMAXPROCS"), "1"
)
ROOT = Path(__file__).parents[2]
#: The only field of an answer that tells why there is no other.
_FAILED = "failed"


class ContestantError(Exception):
    """A contestant that could not be started or that stopped; the text is the reason."""


class Contestant:
    """The parent's side. Raises `ContestantError` as soon as the process fails."""

    def __init__(self, python: Path, module: str, arguments: Sequence[object]) -> None:
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115  # close() does
        try:
            self._process = subprocess.Popen(
                [python, "-m", module, *map(str, arguments)],
                cwd=ROOT,
                env=os.environ | ONE_THREAD,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
            )
        except OSError as error:
            raise ContestantError(f"{python}: {error.strerror}") from error
        self.facts: dict[str, Any] = self._answer()

    def run(self, frames: int) -> dict[str, Any]:
        """Measure one round."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{frames}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # the missing answer tells why
        return self._answer()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line:
            answer: dict[str, Any] = json.loads(line)
            if _FAILED in answer:
                self.close()
                raise ContestantError(answer[_FAILED])
            return answer
        self._process.wait()
        self._errors.seek(0)
        said = [line.strip() for line in self._errors if line.strip()]
        self.close()
        raise ContestantError(said[-1] if said else f"it ended with exit code {self._process.returncode}")


def serve(set_up: Callable[[], tuple[dict[str, object], Callable[[int], dict[str, object]]]]) -> None:
    """The child's side: set up, tell the facts, then answer rounds until the input ends.

    What libraries print goes to standard error, so that standard output holds answers only. A failure is an answer
    too: on standard error, what libraries still had in their buffers may come behind its traceback.
    """
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        try:
            facts, run = set_up()
            print(json.dumps(facts), file=answers, flush=True)
            for line in sys.stdin:
                print(json.dumps(run(int(line))), file=answers, flush=True)
        except Exception as error:
            print(json.dumps({_FAILED: f"{type(error).__name__}: {error}"}), file=answers, flush=True)
            raise
