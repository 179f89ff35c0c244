"""Standard output and error in any locale, and where they are closed, full or narrow."""

import json
import os
import subprocess
import sys

import pytest

from tests.unit.blindsight.runs import run


@pytest.mark.slow
@pytest.mark.parametrize("locale", [{"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"COLUMNS": "40"}])
def test_any_locale_and_width_will_do(locale: dict[str, str]) -> None:
    done = run("model", "show", "digits", "--json", **locale)
    assert json.loads(done.stdout)["stages"] and done.returncode == 0
    assert "32×11×11" in run("model", "show", "digits", **{"COLUMNS": "80", **locale}).stderr or "COLUMNS" in locale


@pytest.mark.slow
@pytest.mark.parametrize(("output", "code", "told"), [("/dev/full", 1, "No space left on device"), ("closed", 1, "")])
def test_output_that_nobody_can_take_ends_with_no_more_than_a_message(output: str, code: int, told: str) -> None:
    if output == "closed":
        reader, writer = os.pipe()
        os.close(reader)
    else:
        writer = os.open(output, os.O_WRONLY)
    command = [sys.executable, "-m", "blindsight", "model", "show", "digits", "--json"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert done.returncode == code
    assert done.stderr.removesuffix("\n") == (f"error: {told}" if told else "")


@pytest.mark.slow
def test_standard_output_that_is_closed_is_no_hindrance() -> None:
    command = f"{sys.executable} -m blindsight model show digits --json >&- 2>&-"
    assert subprocess.run(["sh", "-c", command], check=False).returncode == 0


@pytest.mark.slow
def test_json_is_all_that_goes_to_standard_output() -> None:
    facts = json.loads(run("model", "show", "digits", "--json").stdout)
    assert facts["security_bits"] == 128
    assert facts["ring_dimension"] == 8192
