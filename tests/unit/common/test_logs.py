"""Logs of an embedding program: nothing unless it asks, and then by the standard library, or by its own structlog."""

import os
import subprocess
import sys
from pathlib import Path

import blindsight
from blindsight.hidden import PACKAGES

ROOT = Path(blindsight.__file__).parents[1]
CONFIGURE = "import structlog; structlog.configure(processors=[structlog.processors.JSONRenderer()])\n"
LOG = """
import blindsight
from common.logs import get_logger
log = get_logger("edge.outbox")
{}
log.warning("parked", job="7")
log.debug("quiet")
"""


def run(code: str) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return done.stdout, done.stderr


def test_a_program_that_does_nothing_sees_nothing() -> None:
    assert run(LOG.format("")) == ("", "")


def test_a_program_with_basic_config_sees_our_lines_under_blindsight() -> None:
    told = run("import logging; logging.basicConfig(level=logging.INFO)" + LOG.format(""))
    assert told == ("", "WARNING:blindsight.edge.outbox:parked job='7'\n")


def test_a_traceback_is_told_too() -> None:
    code = "import logging; logging.basicConfig()" + LOG.format(
        "try: 1 / 0\nexcept ZeroDivisionError: log.warning('lost', exc_info=True)"
    )
    assert "ZeroDivisionError: division by zero" in run(code)[1]


def test_a_program_that_configures_structlog_has_our_lines_in_its_own_form() -> None:
    for code in (CONFIGURE + LOG.format(""), LOG.format(CONFIGURE)):
        assert run(code)[0].splitlines()[0] == '{"job": "7", "event": "parked"}'


def test_lines_of_the_program_itself_stay_where_they_were() -> None:
    assert "mine" in run(LOG.format("import structlog; structlog.get_logger().info('mine')"))[0]


def test_every_module_logs_this_way() -> None:
    """What logs by structlog alone would print in a program that embeds it."""
    modules = [path for name in (*PACKAGES, "blindsight") for path in (ROOT / name).rglob("*.py")]
    assert len(modules) > 100
    assert [path for path in modules if "= structlog.get_logger()" in path.read_text() and path.name != "logs.py"] == []
