"""Which modules a command imports, as Python itself lists them."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping

#: The variable of the environment that has Python list every import on standard error.
LIST_IMPORTS = {"PYTHONPROFILEIMPORTTIME": "1"}

_LINE = re.compile(r"import time: +\d+ \| +\d+ \| +(\S+)")

#: Packages that a service must not import, by its command: each runs where the others needn't be installed, and
#: takes no memory for them.
ABSENT: Mapping[str, frozenset[str]] = {
    "device": frozenset({"celery", "kombu", "redis", "scipy", "compiler", "console", "workers", "broker"}),
    "console": frozenset({"celery", "kombu", "redis", "scipy", "compiler", "edge", "workers", "broker"}),
    "bridge": frozenset({"scipy", "compiler", "edge", "console", "workers"}),
    "worker": frozenset({"scipy", "compiler", "edge", "console", "broker"}),
}


def imported(errors: str) -> set[str]:
    """The modules, and the packages they are in, that were imported while this standard error was written."""
    modules = set(_LINE.findall(errors))
    assert "blindsight" in modules, errors[-2000:]
    return modules | {module.partition(".")[0] for module in modules}


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A command, with the list of its imports among its standard error."""
    return subprocess.run(
        [sys.executable, "-m", "blindsight", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "COLUMNS": "200", **LIST_IMPORTS, **environment},
    )
