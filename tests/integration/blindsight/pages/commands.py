"""Commands that serve a page, run as a person runs them, and asked as the page asks them."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx


@contextmanager
def serving(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A command of the command line, which ends here at the latest."""
    # A shell that runs the tests in the background may have them ignore Ctrl-C, which is inherited.
    command = ["env", "--default-signal=INT", sys.executable, "-m", "blindsight", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def browser(process: "subprocess.Popen[str]") -> httpx.Client:
    """A client of the address that the command printed."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"(http://127\.0\.0\.1:\d+/)#(\S+)", line):
            return httpx.Client(base_url=found[1], headers={"Authorization": f"Bearer {found[2]}"}, trust_env=False)
    raise AssertionError("no address was printed")
