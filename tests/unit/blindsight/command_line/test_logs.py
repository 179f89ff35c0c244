"""A service outlives its log."""

import os
import subprocess
import sys

import pytest

_LOGS = """
import logging, structlog
from blindsight.command_line.logs import configure_logs
configure_logs("info", True)
for number in range(1000):
    structlog.get_logger().info("a line", number=number)
    logging.getLogger("celery").warning("a line of a library's")
print("went on")
"""


@pytest.mark.parametrize("behind", ["a full disk", "a closed pipe"])
@pytest.mark.slow
def test_a_log_that_nobody_can_take_stops_nothing(behind: str) -> None:
    if behind == "a full disk":
        writer = os.open("/dev/full", os.O_WRONLY)
    else:
        reader, writer = os.pipe()
        os.close(reader)
    done = subprocess.run([sys.executable, "-c", _LOGS], stdout=subprocess.PIPE, stderr=writer, text=True, check=False)
    os.close(writer)
    assert done.stdout == "went on\n"
