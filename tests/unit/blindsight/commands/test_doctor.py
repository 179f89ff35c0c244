"""`blindsight doctor`: which engine evaluates here, and what to do about a missing one."""

import json
import sys

import pytest
from typer.testing import CliRunner

from blindsight.cli import app
from workers.evaluation import engines


def told(*arguments: str) -> str:
    ended = CliRunner().invoke(app, ["doctor", *arguments])
    assert ended.exit_code == 0
    return ended.stdout


@pytest.fixture
def not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "blindsight_engine", None)  # Python's way to say that there is no such module


@pytest.mark.skipif(not engines.native_paths(), reason="the extension isn't installed")
def test_the_engine_and_its_paths_are_told() -> None:
    best, *others = engines.native_paths()
    assert f"engine: native, {best}" in told()
    assert all(other in told() for other in others) and ("also run" in told()) == bool(others)
    found = json.loads(told("--json"))
    assert (found["engine"], found["path"], found["paths"]) == ("native", best, [best, *others])


def test_without_the_extension_it_is_pyfhel_and_how_to_have_it_is_said(not_installed: None) -> None:
    assert "engine: pyfhel" in told() and "make install" in told() and "C++ compiler" in told()
    found = json.loads(told("--json"))
    assert found["engine"] == "pyfhel" and "blindsight_engine" in found["reason"] and "C++" in found["fix"]
    assert "path" not in found
