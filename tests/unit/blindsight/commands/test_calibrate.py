"""`blindsight calibrate`, as people read its table."""

import io

from rich.console import Console

from blindsight.commands.calibrate import _table
from common.plan.costs import shipped_costs


def test_a_terminal_of_80_columns_shows_the_names_of_all_operations() -> None:
    text = io.StringIO()
    Console(file=text, width=80).print(_table([shipped_costs("native"), shipped_costs("pyfhel")]))
    shown = text.getvalue()
    assert "microseconds" in shown
    assert "…" not in shown
    assert all(name in shown for name in ("pyfhel", "32,768", "transform", "key product", "tensor product", "wire"))
