"""`blindsight calibrate`, as people read its table."""

import io

from rich.console import Console

from blindsight.commands.calibrate import _table
from common.plan.costs import load_costs


def test_a_terminal_of_80_columns_shows_the_names_of_all_operations() -> None:
    text = io.StringIO()
    Console(file=text, width=80).print(_table(load_costs()))
    shown = text.getvalue()
    assert "milliseconds" in shown
    assert "…" not in shown
    assert all(name in shown for name in ("dimension", "level", "rotate", "multiply", "product", "square", "decode"))
