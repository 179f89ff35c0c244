"""`blindsight calibrate`: its table, as people read it, and the times that it keeps."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from blindsight.commands.calibrate import _table
from common.plan.costs import shipped_costs
from tests.unit.blindsight.runs import run


def test_a_terminal_of_80_columns_shows_the_names_of_all_operations() -> None:
    text = io.StringIO()
    Console(file=text, width=80).print(_table([shipped_costs("native"), shipped_costs("pyfhel")]))
    shown = text.getvalue()
    assert "microseconds" in shown
    assert "…" not in shown
    assert all(name in shown for name in ("pyfhel", "32,768", "transform", "key product", "tensor product", "wire"))


@pytest.mark.slow
def test_calibrate_keeps_the_times_where_predictions_read_them(tmp_path: Path) -> None:
    done = run("calibrate", "--json", XDG_CACHE_HOME=str(tmp_path))
    times = json.loads(done.stdout)
    assert times == json.loads((tmp_path / "blindsight" / "costs.json").read_text())
    assert {one["engine"] for one in times} >= {"pyfhel"}
    assert all(us > 0 for one in times for us in one["product"].values())
