"""Without what serves pages, the fix is said."""

import sys
from pathlib import Path

import pytest

from blindsight.cli import main
from blindsight.pages.installed import SITE, check_installed
from common.errors import ConfigurationError

#: Modules that aren't there.
_SOME = ("argon2", "jinja2")


def test_what_is_missing_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blindsight.pages.installed.find_spec", lambda name: None)
    with pytest.raises(
        ConfigurationError, match=r"labelling needs starlette and uvicorn.* -m pip install starlette uvicorn$"
    ):
        check_installed("labelling")


def test_the_site_in_a_browser_needs_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "blindsight.pages.installed.find_spec", lambda name: None if name in ("argon2", "jinja2") else 1
    )
    with pytest.raises(
        ConfigurationError, match=r"--web needs argon2-cffi and jinja2, .* -m pip install argon2-cffi jinja2$"
    ):
        check_installed("--web", SITE)


def test_the_command_says_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("blindsight.pages.installed.find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["blindsight", "data", "label", str(tmp_path)])
    with pytest.raises(SystemExit, match="1"):
        main()
    assert "pip install starlette uvicorn" in " ".join(capsys.readouterr().err.split())
