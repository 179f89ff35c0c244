"""`blindsight calibrate`: the times of this machine's operations, measured and kept."""

from typing import Annotated

import msgspec
import typer
from rich.table import Table

from blindsight.command_line.app import App
from blindsight.command_line.output import console, print_json
from blindsight.measure.machine import check_writable, measure_costs, save_costs
from common.plan.costs import Costs, costs_path

app = App(name="calibrate")


@app.command()
def calibrate(as_json: Annotated[bool, typer.Option("--json", help="Print the times as JSON.")] = False) -> None:
    """Measure this machine's operations, so that plans are chosen and their times predicted for it."""
    check_writable(costs_path())
    with console.status("measuring operations") as status:
        costs = measure_costs(lambda ring: status.update(f"measuring operations; ring dimension {ring:,} is done"))
    save_costs(costs, costs_path())
    if as_json:
        print_json(msgspec.to_builtins(costs, str_keys=True))
        return
    console.print(_table(costs))
    typer.echo(f"written to {costs_path()}; delete it to return to the times that ship")


def _table(costs: Costs) -> Table:
    kinds = msgspec.structs.asdict(costs)
    table = Table(title="milliseconds an operation")
    for name in ("ring dimension", "level", *kinds):
        table.add_column(name, justify="right")
    for ring in costs.rotate:
        for level, times in enumerate(zip(*(by_ring[ring] for by_ring in kinds.values()), strict=True)):
            table.add_row(f"{ring:,}", str(level), *(f"{one:.3f}" for one in times))
    return table
