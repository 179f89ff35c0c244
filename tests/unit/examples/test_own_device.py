"""The example that sends pictures tells how it is called."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[3] / "examples" / "own_device.py"


@pytest.mark.parametrize("arguments", [(), ("cam-01", "mqtt://cam-01:word@127.0.0.1:1", "state")])
def test_it_shows_its_usage_where_arguments_are_missing(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLE, *arguments], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 1
    assert "python examples/own_device.py NAME BROKER STATE PICTURE..." in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
