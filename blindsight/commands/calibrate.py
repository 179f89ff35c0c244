"""`blindsight calibrate`: what engines take on this machine, measured and kept."""

from typing import Annotated

import msgspec
import typer
from rich.table import Table

from blindsight.command_line.app import App
from blindsight.command_line.output import console, print_json
from blindsight.measure.machine import check_writable, measure_costs, save_costs
from common.ckks.parameters import RING_DIMENSIONS
from common.plan.costs import Costs, costs_path
from common.plan.work import Rows

app = App(name="calibrate")


@app.command()
def calibrate(as_json: Annotated[bool, typer.Option("--json", help="Print the times as JSON.")] = False) -> None:
    """Measure the engines on this machine, so that times are predicted for it."""
    check_writable(costs_path())
    with console.status("measuring") as status:
        costs = measure_costs(lambda engine, ring: status.update(f"measuring; {engine}, N = {ring:,} is done"))
    save_costs(costs, costs_path())
    if as_json:
        print_json(msgspec.to_builtins(costs, str_keys=True))
        return
    console.print(_table(costs))
    typer.echo(f"written to {costs_path()}; delete it to return to the times that ship")


def _table(costs: list[Costs]) -> Table:
    table = Table(title="microseconds a row: N residues modulo one prime")
    for name in ("engine", "N", *(kind.replace("_", " ") for kind in Rows._fields)):
        table.add_column(name, justify="right")
    for one in costs:
        for ring in RING_DIMENSIONS:
            table.add_row(one.engine, f"{ring:,}", *(f"{getattr(one, kind)[ring]:.1f}" for kind in Rows._fields))
    return table
