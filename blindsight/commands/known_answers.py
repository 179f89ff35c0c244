"""`blindsight known-answers`: frames that find out workers which answer wrongly."""

from pathlib import Path
from typing import Annotated

import typer

from blindsight.command_line.app import App
from blindsight.command_line.output import console
from common.keys.core_dumps import forbid_core_dumps
from common.keys.known_answers import create_known_answers
from common.plan.plan_file import load_head
from common.writable import check_new_folder
from compiler.labelled import load_labelled
from models.catalogue import load_network, plan_file
from models.plans import get_plan

app = App(
    name="known-answers", help="Make known answers, which find out workers that answer wrongly.", no_args_is_help=True
)


@app.callback()
def _private() -> None:
    forbid_core_dumps()


@app.command()
def create(
    folder: Annotated[Path, typer.Argument(help="Folder to make; it is as secret as the device's key set.")],
    model: Annotated[str, typer.Option(help="A shipped model, or the folder of one.")],
    data: Annotated[
        Path, typer.Option(help="npz or folder of labelled frames that look like the camera's, and nobody else has.")
    ],
    plan: Annotated[
        Path | None,
        typer.Option(
            help="Plan or head file of the devices, or a shipped model's name; default: the model's plan at 128 bits."
        ),
    ] = None,
    check_rate: Annotated[
        float, typer.Option(min=0.0001, max=0.5, help="Share of a device's frames that are checks.")
    ] = 0.02,
) -> None:
    """Choose frames whose labels noise can't change, and a secret that says when a device sends one."""
    check_new_folder(folder, "folder")
    network = load_network(model)
    samples = load_labelled(data, network.frame_shape, network.labels)
    with console.status("compiling the plan"):
        head = load_head(plan_file(plan)) if plan else get_plan(model, 128).head
    answers = create_known_answers(folder, network, head, samples.frames, samples.labels, check_rate)
    typer.echo(f"{len(answers.frames)} of {len(samples.frames)} frames are known answers, written to {folder};")
    typer.echo("give the folder to the device (--known-answers), and never to a worker or broker")
