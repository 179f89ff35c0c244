"""Which engine evaluates: what is asked for, or the best that is installed."""

import builtins
import importlib.util
from typing import Any

import pytest
from structlog.testing import capture_logs

from common.errors import ConfigurationError
from workers.evaluation import engines
from workers.evaluation.engines import choose_engine, open_engine


@pytest.fixture
def not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, *others: Any) -> Any:
        if name == "blindsight_engine":
            raise ImportError("No module named 'blindsight_engine'")
        return imported(name, *others)

    imported = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", refuse)
    engines._warn.cache_clear()


@pytest.mark.skipif(importlib.util.find_spec("blindsight_engine") is None, reason="the extension isn't installed")
def test_the_native_engine_is_the_usual_one_and_tells_its_path() -> None:
    with capture_logs() as logs:
        assert choose_engine() == choose_engine("native") == "native"
    assert logs == []
    assert open_engine().description in ({"engine": "native", "path": path} for path in ("avx512", "avx2", "portable"))


def test_pyfhel_can_be_asked_for() -> None:
    assert open_engine("pyfhel").description == {"engine": "pyfhel"}


def test_without_the_extension_pyfhel_evaluates_and_the_log_says_once_how_to_get_it(not_installed: None) -> None:
    with capture_logs() as logs:
        assert [open_engine().description["engine"] for _ in range(2)] == ["pyfhel", "pyfhel"]
    (warning,) = logs
    assert warning["log_level"] == "warning"
    assert "make install" in warning["fix"]


def test_the_native_engine_that_is_not_installed_is_refused_with_the_fix(not_installed: None) -> None:
    with pytest.raises(ConfigurationError, match=r"engine is native, which can't be loaded .*make install.*pyfhel"):
        open_engine("native")
