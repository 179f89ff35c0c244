"""`blindsight demo`: a whole site on this machine, and the report of what it did."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from blindsight.command_line.app import App
from blindsight.command_line.interrupts import Interrupts
from blindsight.command_line.output import check_target, console, write_json
from blindsight.commands.model.plan_table import show_costs
from blindsight.demo.report import closing_table
from blindsight.demo.run import run_demo
from common.errors import BlindsightError, ConfigurationError
from common.keys.core_dumps import forbid_core_dumps
from common.plan.plan import Plan
from common.wire.messages import Custody
from models.batching import HELP as FRAMES_HELP
from models.batching import parse_frames
from models.layer_choice import HELP as ENCRYPT_FROM_HELP
from models.layer_choice import WHOLE
from models.plans import get_plan

#: The names of the help's panels.
SITE, FRAMES, MODEL = "Site", "Frames", "Model"

app = App(name="demo")


@app.command()
def demo(
    devices: Annotated[int, typer.Option(min=1, max=64, help="Cameras.", rich_help_panel=SITE)] = 2,
    frames: Annotated[int, typer.Option(min=1, help="Frames per camera.", rich_help_panel=FRAMES)] = 20,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Frames evaluated at once.", rich_help_panel=SITE)] = 1,
    security: Annotated[
        int, typer.Option(help="Security level in bits: 128, 192 or 256.", rich_help_panel=MODEL)
    ] = 128,
    model: Annotated[
        str, typer.Option(help="A shipped model, or the folder of one.", rich_help_panel=MODEL)
    ] = "digits",
    frames_per_ciphertext: Annotated[
        str, typer.Option(metavar="K|auto", help=FRAMES_HELP, rich_help_panel=MODEL)
    ] = "1",
    encrypt_from: Annotated[
        str, typer.Option(metavar="LAYER|last", help=ENCRYPT_FROM_HELP, rich_help_panel=MODEL)
    ] = WHOLE,
    custody: Annotated[
        Custody,
        typer.Option(
            help="Who holds the secret key: each device its own, or the site's console.", rich_help_panel=SITE
        ),
    ] = "device",
    sealed: Annotated[
        bool,
        typer.Option(
            "--sealed",
            help="Encrypt the model's weights too, for the site; needs --custody site.",
            rich_help_panel=MODEL,
        ),
    ] = False,
    rate: Annotated[
        float | None,
        typer.Option(min=0.01, help="Frames a second per camera; default: as fast as it goes.", rich_help_panel=FRAMES),
    ] = None,
    json_target: Annotated[
        str | None, typer.Option("--json", metavar="FILE|-", help="Write the report as JSON.")
    ] = None,
) -> None:
    """Run cameras, broker, bridge and workers on this machine, on encrypted sample frames; and a console for a site.

    Ends with exit code 0 only if every frame was labelled exactly once.
    """
    if sealed and custody != "site":
        raise ConfigurationError(
            "--sealed encrypts the model for one key set, and here every device makes its own; add --custody site"
        )
    check_target(json_target)
    forbid_core_dumps()
    plan = _plan(model, security, frames_per_ciphertext, encrypt_from, sealed)
    with Interrupts() as interrupts, tempfile.TemporaryDirectory(prefix="blindsight-demo-") as folder:
        report = run_demo(Path(folder), devices, frames, workers, plan, model, rate, custody, interrupts)
    console.print(closing_table(report))
    if json_target is not None:
        write_json(report, json_target)
    if report["labelled"] != report["frames"] or report["duplicates"]:
        raise BlindsightError(
            f"{report['labelled']} of {report['frames']} frames were labelled, {report['duplicates']} of them again"
        )


def _plan(model: str, security: int, frames_per_ciphertext: str, encrypt_from: str, sealed: bool) -> Plan:
    frames = parse_frames(frames_per_ciphertext)
    with console.status("compiling the plan"):
        plan = get_plan(model, security, frames, show_costs, encrypt_from, sealed)
    if plan.head.frames_per_ciphertext > 1:
        show_costs(plan)
    return plan
