"""The command line."""

import sys
from typing import Annotated, NoReturn

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from blindsight.command_line.help import App
from blindsight.command_line.options import command
from blindsight.command_line.output import console, flush_output, prepare_streams, print_json
from blindsight.commands import console as console_commands
from blindsight.commands import device as device_commands
from blindsight.commands import keys as key_commands
from blindsight.commands import known_answers as known_answer_commands
from blindsight.commands import model as model_commands
from blindsight.commands import provision as provision_command
from blindsight.commands import services
from blindsight.commands.status import StatusSettings, run_status
from blindsight.demo import run as demo
from broker.settings import BridgeSettings
from common.errors import BlindsightError
from common.installed import blindsight_version
from common.plan.costs import costs_path
from workers.settings import WorkerSettings

app = App(
    name="blindsight",
    help="Cameras that nobody else can watch: encrypted frames in, encrypted labels out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.add_typer(device_commands.app, name="device")
app.add_typer(console_commands.app, name="console")
app.command("bridge")(command(BridgeSettings, services.run_bridge))
app.command("worker")(command(WorkerSettings, services.run_worker))
app.command("status")(command(StatusSettings, run_status))
app.command("provision")(provision_command.provision)
app.add_typer(key_commands.app, name="keys")
app.add_typer(known_answer_commands.app, name="known-answers")
app.add_typer(model_commands.app, name="model")


@app.command()
def calibrate(as_json: Annotated[bool, typer.Option("--json", help="Print the times as JSON.")] = False) -> None:
    """Measure this machine's operations, so that plans are chosen and their times predicted for it."""
    from blindsight.measure.machine import check_writable, measure_costs, save_costs

    check_writable(costs_path())
    with console.status("measuring operations") as status:
        costs = measure_costs(lambda ring: status.update(f"measuring operations; ring dimension {ring:,} is done"))
    save_costs(costs, costs_path())
    if as_json:
        print_json(msgspec.to_builtins(costs, str_keys=True))
        return
    kinds = msgspec.structs.asdict(costs)
    table = Table("ring dimension", "level", *(f"{kind} ms" for kind in kinds))
    for ring in costs.rotate:
        for level, times in enumerate(zip(*(by_ring[ring] for by_ring in kinds.values()), strict=True)):
            table.add_row(f"{ring:,}", str(level), *(f"{one:.3f}" for one in times))
    console.print(table)
    typer.echo(f"written to {costs_path()}; delete it to return to the times that ship")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"blindsight {blindsight_version()}")
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; errors of ours, and of files and disks, are one message and exit code 1."""
    prepare_streams()
    try:
        try:
            app(prog_name="blindsight")
        finally:
            flush_output()  # here, where a full disk or a closed pipe can be said
    except BrokenPipeError:  # whoever read our output has seen enough, such as `head`
        sys.exit(1)
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        _fail(f"{where}{error.strerror or error}")
    except RuntimeError as error:
        if "home directory" not in str(error):  # which --install-completion needs
            raise
        _fail("this user has no home, and HOME isn't set; set it to a folder")
    except BlindsightError as error:
        _fail(str(error))


def _fail(message: str) -> NoReturn:
    Console(stderr=True, highlight=False).print(f"[bold red]error:[/] {escape(message)}", soft_wrap=True)
    sys.exit(1)
