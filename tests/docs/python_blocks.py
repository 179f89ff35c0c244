"""Runs the blocks of Python of a page, one after the other in one interpreter."""

import json
import subprocess
import sys
from pathlib import Path
from typing import IO

from tests.docs.blocks import Block, PageError

#: Runs the blocks that it gets as JSON lines, all with the same names, and answers with a line each.
_INTERPRETER = """
import json, sys, traceback
names = {"__name__": "__main__"}
for line in sys.stdin:
    where, text = json.loads(line)
    try:
        exec(compile(text, where, "exec"), names)
        failure = None
    except BaseException:
        failure = traceback.format_exc()
    print("\\0" + json.dumps(failure), flush=True)
"""


class PythonBlocks:
    """An interpreter that runs a page's blocks of Python; it starts with the first."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder, self._environment = folder, environment
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "PythonBlocks":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def run(self, block: Block) -> None:
        """Run a block; raises `PageError` with its traceback."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-u", "-c", _INTERPRETER],
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        where = f"{block.page}:{block.line}"
        _pipe(self._process.stdin).write(json.dumps([where, block.text]) + "\n")
        _pipe(self._process.stdin).flush()
        for line in _pipe(self._process.stdout):
            if line.startswith("\0"):
                failure = json.loads(line[1:])
                if failure is not None:
                    raise PageError(f"{where}\n{failure}")
                return
        raise PageError(f"{where}: the interpreter ended")


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe
