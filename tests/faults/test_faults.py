"""The fault suite in its short form: a round of each fault. The long form is `make test-faults`."""

import subprocess
import sys

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.mosquitto]


@pytest.mark.timeout(900)
def test_no_frame_is_lost_labelled_twice_or_wrongly_whatever_fails() -> None:
    command = [sys.executable, "-m", "tests.faults", "--minutes", "0.5", "--parallel", "3"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
