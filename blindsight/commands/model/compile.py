"""`blindsight model compile`: the plan of a model, and its head."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from blindsight.command_line.app import App
from blindsight.command_line.output import console
from blindsight.commands.model.options import EncryptFrom, FramesPerCiphertext, Name, Sealed, Security
from blindsight.commands.model.plan_table import show_costs
from common.errors import ConfigurationError
from common.writable import check_file, check_folder
from models.batching import parse_frames
from models.catalogue import load_network, plan_name
from models.layer_choice import WHOLE, find_layer
from models.plans import compile_plan

app = App(name="compile")


@app.command(name="compile")
def compile_model(
    name: Name,
    security: Security = 128,
    frames_per_ciphertext: FramesPerCiphertext = "1",
    encrypt_from: EncryptFrom = WHOLE,
    sealed: Sealed = False,
    objective: Annotated[
        Literal["fast", "small"] | None,
        typer.Option(
            help="small makes rotations one from the other: a third or less of the evaluation keys. Default: fast, or "
            "small where Redis couldn't hold the keys of fast."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="File for the plan; default: NAME-SECURITY[-fromLAYER][-kK][-small][-unsealed].plan.",
        ),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Frames to calibrate on; default: the model's samples.")] = None,
    error_budget: Annotated[
        float | None,
        typer.Option(
            min=2**-16,
            max=1,
            help="Largest error of a score, as a share of the largest score; default: what the labels' leads allow.",
        ),
    ] = None,
) -> None:
    """Compile a model into a plan, and the head that devices need."""
    _check_plan_target(out)
    with console.status("compiling the plan"):
        plan = compile_plan(
            name,
            security,
            data,
            parse_frames(frames_per_ciphertext),
            show_costs,
            error_budget,
            encrypt_from,
            sealed,
            small=None if objective is None else objective == "small",
        )
    show_costs(plan)
    first = find_layer(encrypt_from, load_network(name))
    small = objective == "small" or (objective is None and plan.chained)
    path = out or Path(plan_name(plan.head.model, security, plan.head.frames_per_ciphertext, first, sealed, small))
    plan.save(path)
    plan.save_head(path.with_suffix(".head"))
    head = path.with_suffix(".head")
    if sealed:
        files = f"{path}, which stays here for: blindsight model seal; and {head}, for: blindsight keys create"
    else:
        files = f"{path} (for workers) and {head} (for devices)"
    typer.echo(f"plan {plan.head.hash[:12]} written to {files}")


def _check_plan_target(out: Path | None) -> None:
    """Raise `ConfigurationError` when plan and head can't be written: before minutes of compiling."""
    if out is None:
        check_folder(Path(), "out")
        return
    if out.suffix == ".head":
        raise ConfigurationError(f"out is {out}, the name of the head that is written beside it; end it with .plan")
    check_file(out, "out")
    check_file(out.with_suffix(".head"), "out's head")
