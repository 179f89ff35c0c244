"""`blindsight model`: train, import, compile, show and evaluate models."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.progress import Progress

from blindsight.command_line.app import App
from blindsight.command_line.output import check_target, console, print_json, write_json
from blindsight.commands.plan_table import plan_facts, plan_table, show_costs
from blindsight.commands.seal import HELP as SEALED_HELP
from blindsight.commands.seal import seal_model
from blindsight.measure.evaluation import Evaluation, Simulation, evaluate_model, simulate_model
from common.errors import ConfigurationError
from common.plan.predictions import check_memory
from common.plan.sealed import load_served, structure_of
from compiler.labelled import load_labelled
from models.batching import HELP as FRAMES_HELP
from models.batching import parse_frames
from models.catalogue import load_network, plan_name
from models.layer_choice import HELP as ENCRYPT_FROM_HELP
from models.layer_choice import WHOLE, find_layer
from models.plans import compile_plan, get_plan
from models.samples import load_samples

app = App(name="model", help="Train, import, compile, show and evaluate models.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="A shipped model, or the folder of one.")]
Security = Annotated[int, typer.Option(help="Security level in bits: 128, 192 or 256.")]
FramesPerCiphertext = Annotated[str, typer.Option(metavar="K|auto", help=FRAMES_HELP)]
Sealed = Annotated[bool, typer.Option("--sealed", help=SEALED_HELP)]
EncryptFrom = Annotated[str, typer.Option(metavar="LAYER|last", help=ENCRYPT_FROM_HELP)]


@app.command()
def train(
    name: Annotated[str, typer.Argument(help="Model to train: digits or scenes.")],
    data: Annotated[
        Path,
        typer.Option(help="npz with frames (n, h, w[, 3]) uint8 and labels (n,); test_frames, test_labels."),
    ],
    out: Annotated[Path | None, typer.Option(help="Folder for network.npz; default: NAME here.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the frames.")] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same machine: same weights.")] = 0,
    activation: Annotated[
        str | None, typer.Option(help="Of digits: learned (the default; a·x² + b·x), x2+2x or none.")
    ] = None,
) -> None:
    r"""Train a model anew. Needs PyTorch: pip install "blindsight\[train]"."""
    from models.training import TRAININGS

    if name not in TRAININGS:
        raise ConfigurationError(
            f"there is no training recipe for {name!r}; there is one for {' and '.join(TRAININGS)}"
        )
    training = TRAININGS[name]
    options = {} if activation is None else {"activation": activation}
    if activation is not None and activation not in training.activations:
        known = f"choose one of {', '.join(training.activations)}" if training.activations else "leave it out"
        raise ConfigurationError(f"activation is {activation!r}, which {name} can't be trained with; {known}")
    labelled = load_labelled(data, training.frame_shape)
    epochs = epochs or training.epochs
    with Progress(console=console) as progress:
        bar = progress.add_task("training", total=epochs)

        def report(epoch: int, _: int, loss: float) -> None:
            progress.update(bar, completed=epoch, description=f"training, loss {loss:.3f}")
            if not console.is_terminal:
                console.print(f"epoch {epoch} of {epochs}: loss {loss:.3f}")

        network = training.train(labelled.frames, labelled.labels, epochs=epochs, seed=seed, progress=report, **options)
    out = out or Path(name)
    out.mkdir(parents=True, exist_ok=True)
    network.save(out / "network.npz")
    with np.load(data) as file:
        if "test_frames" in file:
            correct = network.scores(file["test_frames"]).argmax(axis=1) == file["test_labels"]
            typer.echo(f"accuracy on {len(correct):,} test frames: {correct.mean():.2%}")
    where = out if out.is_absolute() else f"./{out}"
    typer.echo(f"written to {out / 'network.npz'}; next: blindsight model compile {where} --data {data}")


@app.command(name="import")
def import_model(
    file: Annotated[Path, typer.Argument(help="ONNX file, opset 11 to 21, as PyTorch and Keras export it.")],
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
    min_agreement: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Refuse, and write nothing, when fewer frames keep their label: 0.98."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the model in the folder.")] = False,
    json_target: Annotated[
        str | None, typer.Option("--json", metavar="FILE|-", help="Write the report as JSON.")
    ] = None,
) -> None:
    r"""Import a network from ONNX. Needs onnx: pip install "blindsight\[onnx]"."""
    from blindsight.command_line.lists import read_labels, read_numbers
    from blindsight.commands.import_report import print_report, require_agreement
    from compiler.onnx.importing import import_network
    from models.saving import check_folder, save_model

    check_target(json_target)
    out = out or Path(file.stem)
    check_folder(out, force)
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("reading", total=1.0)
        imported = import_network(
            file,
            calibrate,
            name=out.resolve().name,
            labels=read_labels(labels),
            mean=read_numbers("mean", mean),
            deviation=read_numbers("std", std),
            degree=degree,
            progress=lambda what, share: progress.update(bar, description=what, completed=share),
        )
    if json_target is not None:
        write_json(imported.report.facts(), json_target)
    if json_target != "-":
        print_report(imported.report)
    require_agreement(imported.report, min_agreement)
    save_model(imported, out, force=force)
    where = out if out.is_absolute() else f"./{out}"
    told = f"written to {out}; next: blindsight model compile {where}, blindsight demo --model {where}"
    console.print(told, markup=False, soft_wrap=True)


@app.command(name="compile")
def compile_model(
    name: Name,
    security: Security = 128,
    frames_per_ciphertext: FramesPerCiphertext = "1",
    encrypt_from: EncryptFrom = WHOLE,
    sealed: Sealed = False,
    out: Annotated[
        Path | None,
        typer.Option(help="File for the plan; default: NAME-SECURITY[-fromLAYER][-kK][-unsealed].plan here."),
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
    with console.status("compiling the plan"):
        plan = compile_plan(
            name, security, data, parse_frames(frames_per_ciphertext), show_costs, error_budget, encrypt_from, sealed
        )
    show_costs(plan)
    first = find_layer(encrypt_from, load_network(name))
    path = out or Path(plan_name(plan.head.model, security, plan.head.frames_per_ciphertext, first, sealed))
    plan.save(path)
    plan.save_head(path.with_suffix(".head"))
    head = path.with_suffix(".head")
    if sealed:
        told = f"{path}, which stays here for: blindsight model seal; and {head}, for: blindsight keys create"
    else:
        told = f"{path} (for workers) and {head} (for devices)"
    typer.echo(f"plan {plan.head.hash[:12]} written to {told}")


app.command(name="seal")(seal_model)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A model, or a plan file.")],
    security: Security = 128,
    frames_per_ciphertext: FramesPerCiphertext = "1",
    encrypt_from: EncryptFrom = WHOLE,
    sealed: Sealed = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a plan: its parameters, and what each stage costs."""
    if Path(name).is_file():
        plan = structure_of(load_served(Path(name)))
    else:
        plan = get_plan(name, security, parse_frames(frames_per_ciphertext), show_costs, encrypt_from, sealed)
    facts = plan_facts(plan)
    if as_json:
        print_json(facts)
        return
    for key, value in facts.items():
        if key != "stages" and value is not None:
            typer.echo(f"{key.replace('_', ' '):22} {value}")
    console.print(plan_table(facts))


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
    json_target: Annotated[
        str | None, typer.Option("--json", metavar="FILE|-", help="Write the report as JSON.")
    ] = None,
) -> None:
    """Evaluate a model on encrypted frames, in one process and one thread, against its plain self."""
    check_target(json_target)
    network = load_network(name)
    labelled = load_labelled(data, network.frame_shape, network.labels) if data else load_samples(name)
    count = min(frames, len(labelled.frames))
    with console.status("compiling the plan"):
        plan = get_plan(name, security, parse_frames(frames_per_ciphertext), show_costs, encrypt_from, sealed)
    result: Evaluation | Simulation
    with Progress(console=console, transient=True) as progress:
        if simulate:
            bar = progress.add_task("simulated frames", total=len(labelled.frames))
            result = simulate_model(network, plan, labelled, lambda done: progress.advance(bar, done))
        else:
            show_costs(plan)
            check_memory(plan)
            bar = progress.add_task("encrypted frames", total=count)
            result = evaluate_model(network, plan, labelled, count, lambda done: progress.advance(bar, done))
    if json_target is not None:
        write_json(result.facts(), json_target)
    if json_target != "-":
        for key, value in result.facts().items():
            typer.echo(f"{key.replace('_', ' '):28} {value}")
