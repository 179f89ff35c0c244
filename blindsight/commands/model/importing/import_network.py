"""`blindsight model import`: a network from an ONNX file."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from blindsight.command_line.app import App
from blindsight.command_line.lists import read_labels, read_numbers
from blindsight.command_line.output import check_target, console, write_json
from blindsight.commands.model.importing.plan import Compiled, compile_imported
from blindsight.commands.model.importing.report import agrees, check_agreement, print_report, require_agreement
from compiler.onnx.importing import import_network
from compiler.onnx.max_pooling import Replacement
from compiler.onnx.options import LABELS, ImportOptions
from models.saving import check_target as check_model_target
from models.saving import save_model
from models.training.importing import fine_tuner

app = App(name="import")


@app.command(name="import")
def import_model(
    file: Annotated[Path, typer.Argument(help="ONNX file, as PyTorch, Keras and scikit-learn export it.")],
    calibrate: Annotated[
        Path, typer.Option(help="Labelled frames to fit activations on: npz or folder, as for evaluate --data.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The model's folder; default: FILE's name here.")
    ] = None,
    degree: Annotated[
        int,
        typer.Option(
            help="Of the polynomials that stand for activations: 2, or 4, which is closer and takes two squarings."
        ),
    ] = 2,
    labels: Annotated[
        str | None, typer.Option(metavar="A,B,…|FILE", help="Labels of the scores; default: 0, 1, …")
    ] = None,
    mean: Annotated[
        str, typer.Option(help="Subtracted from frames / 255: one number, or one per channel: 0.49,0.48,0.45.")
    ] = "0",
    std: Annotated[str, typer.Option(help="Divides what is left; 1/255 for a network that takes 0 to 255.")] = "1",
    output: Annotated[
        str,
        typer.Option(metavar="labels|values", help="What it gives: the label that wins, or values, as in regression."),
    ] = LABELS,
    output_name: Annotated[
        str | None, typer.Option(help="Name of the output with the scores, where the file has several.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(help="Where one score becomes label 1; default: 0.5 between 0 and 1, 0 for any other score."),
    ] = None,
    linearise: Annotated[
        int, typer.Option(min=0, help="Activations that become lines, which need no level: those that cost least.")
    ] = 0,
    replace_maxpool: Annotated[
        Replacement | None,
        typer.Option(help="What stands for max pooling: the mean of each window, or the value in its middle."),
    ] = None,
    finetune: Annotated[
        float | None,
        typer.Option(
            metavar="MINUTES",
            help="Train what was imported for so long, until it decides as the original does. Needs PyTorch. "
            "Ctrl-C writes nothing.",
        ),
    ] = None,
    min_agreement: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Refuse, and write nothing, when fewer of the held-out frames keep their label: 0.98."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the model in the folder.")] = False,
    json_target: Annotated[
        str | None, typer.Option("--json", metavar="FILE|-", help="Write the report as JSON.")
    ] = None,
) -> None:
    """Import a network from ONNX. Needs onnx (pip install onnx)."""
    check_target(json_target)
    out = out or Path(file.stem)
    check_model_target(out, force)
    options = ImportOptions(
        name=out.resolve().name,
        labels=read_labels(labels),
        mean=read_numbers("mean", mean),
        deviation=read_numbers("std", std),
        degree=degree,
        output=output,
        output_name=output_name,
        threshold=threshold,
        linearise=linearise,
        replace_maxpool=replace_maxpool,
    )
    check_agreement(options, min_agreement)
    refine = None if finetune is None else fine_tuner(finetune)
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("reading", total=1.0)

        def show(what: str, share: float) -> None:
            progress.update(bar, description=what, completed=share)

        result = import_network(file, calibrate, options, show, refine)
    compiled = compile_imported(result) if agrees(result.report, min_agreement) else Compiled(None)
    if json_target is not None:
        write_json(result.report.facts() | compiled.facts(), json_target)
    if json_target != "-":
        print_report(result.report, compiled)
    require_agreement(result.report, min_agreement)
    data = result.calibration
    save_model(result.network, data.frames, data.labels, out, force=force, add=compiled.save)
    where = out if out.is_absolute() else f"./{out}"
    console.print(f"written to {out}; next: {compiled.next_command(where)}", markup=False, soft_wrap=True)
