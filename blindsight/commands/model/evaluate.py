"""`blindsight model evaluate`: a model on encrypted frames, against its plain self."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from blindsight.command_line.app import App
from blindsight.command_line.engine import Engine, chosen
from blindsight.command_line.output import check_target, console, write_json
from blindsight.commands.model.evaluation_table import group_table, result_table
from blindsight.commands.model.options import EncryptFrom, FramesPerCiphertext, Name, Sealed, Security
from blindsight.commands.model.plan_table import show_costs
from blindsight.measure.evaluation import Evaluation, Simulation, evaluate_model, simulate_model
from common.label_groups import read_groups
from common.plan.predictions import check_memory
from compiler.labelled import load_labelled
from models.batching import parse_frames
from models.catalogue import load_network
from models.layer_choice import WHOLE
from models.plans import get_plan
from models.samples import load_samples

app = App(name="evaluate")


@app.command()
def evaluate(
    name: Name,
    frames: Annotated[int, typer.Option(min=1, help="Frames to encrypt and evaluate.")] = 100,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Run the plan on all frames without encryption instead.")
    ] = False,
    data: Annotated[
        Path | None, typer.Option(help="npz or folder of labelled frames; default: the model's samples.")
    ] = None,
    security: Security = 128,
    frames_per_ciphertext: FramesPerCiphertext = "1",
    encrypt_from: EncryptFrom = WHOLE,
    sealed: Sealed = False,
    engine: Engine = None,
    group: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=LABEL,LABEL", help="Labels to measure as a group, too; once for each group."),
    ] = None,
    json_target: Annotated[
        str | None, typer.Option("--json", metavar="FILE|-", help="Write the report as JSON.")
    ] = None,
) -> None:
    """Evaluate a model on encrypted frames, in one process and one thread, against its plain self."""
    check_target(json_target)
    engine = chosen(engine)
    groups = read_groups(group or [])
    network = load_network(name)
    groups.check(network.labels)
    samples = load_labelled(data, network.frame_shape, network.labels) if data else load_samples(name)
    count = min(frames, len(samples.frames))
    with console.status("compiling the plan"):
        plan = get_plan(name, security, parse_frames(frames_per_ciphertext), show_costs, encrypt_from, sealed)
    result: Evaluation | Simulation
    with Progress(console=console, transient=True) as progress:
        if simulate:
            bar = progress.add_task("simulated frames", total=len(samples.frames))
            result = simulate_model(network, plan, samples, lambda done: progress.advance(bar, done), groups)
        else:
            show_costs(plan)
            check_memory(plan)
            bar = progress.add_task("encrypted frames", total=count)
            result = evaluate_model(
                network, plan, samples, count, lambda done: progress.advance(bar, done), engine, groups
            )
    if json_target is not None:
        write_json(result.facts(), json_target)
    if json_target != "-":
        output = Console(highlight=False)
        output.print(result_table(result))
        if result.groups is not None:
            output.print(group_table(result.groups))
