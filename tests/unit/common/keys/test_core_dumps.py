"""A key holder's memory stays its own."""

import subprocess
import sys

import pytest

_ASKED = """
import ctypes, resource, subprocess, sys
from common.keys.core_dumps import forbid_core_dumps
forbid_core_dumps()
child = "import resource; print(resource.getrlimit(resource.RLIMIT_CORE))"
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), resource.getrlimit(resource.RLIMIT_CORE), flush=True)
subprocess.run([sys.executable, "-c", child], check=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_neither_the_process_nor_its_children_leave_a_core_file() -> None:
    told = subprocess.run([sys.executable, "-c", _ASKED], capture_output=True, text=True, check=True).stdout
    assert told == "0 (0, 0)\n(0, 0)\n"
