"""The command line, run."""

import subprocess
import sys

import pytest
from click.testing import Result
from typer.testing import CliRunner

from blindsight.cli import app, main


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "blindsight", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "200", **environment},
    )


def fail(*arguments: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Run in this process what must end with exit code 1; its message on one line."""
    monkeypatch.setattr(sys, "argv", ["blindsight", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    return " ".join(capsys.readouterr().err.split())


def succeed(*arguments: str) -> Result:
    """Run in this process what must end well."""
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return done
