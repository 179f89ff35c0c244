"""`blindsight model`: train, compile, show and evaluate models."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.progress import Progress
from rich.table import Table

from blindsight.evaluation import evaluate_model
from blindsight.output import console, print_json, write_json
from blindsight.plans import compile_plan, get_plan
from common.costs import rotation_ms, stage_ms
from common.errors import ConfigurationError
from common.plan import Plan, load_plan, stage_rotations
from models.catalogue import load_labelled, load_network, load_samples

app = typer.Typer(help="Train, compile, show and evaluate models.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="A shipped model, or the folder of one.")]
Security = Annotated[int, typer.Option(help="Security level in bits: 128, 192 or 256.")]


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
) -> None:
    """Train a model anew. Needs PyTorch: pip install "blindsight[train]"."""
    from blindsight.training import TRAININGS

    if name not in TRAININGS:
        raise ConfigurationError(
            f"there is no training recipe for {name!r}; there is one for {' and '.join(TRAININGS)}"
        )
    training = TRAININGS[name]
    labelled = load_labelled(data, training.frame_shape)
    epochs = epochs or training.epochs
    with Progress(console=console) as progress:
        bar = progress.add_task("training", total=epochs)

        def report(epoch: int, _: int, loss: float) -> None:
            progress.update(bar, completed=epoch, description=f"training, loss {loss:.3f}")
            if not console.is_terminal:
                console.print(f"epoch {epoch} of {epochs}: loss {loss:.3f}")

        network = training.train(labelled.frames, labelled.labels, epochs=epochs, seed=seed, progress=report)
    out = out or Path(name)
    out.mkdir(parents=True, exist_ok=True)
    network.save(out / "network.npz")
    with np.load(data) as file:
        if "test_frames" in file:
            correct = network.scores(file["test_frames"]).argmax(axis=1) == file["test_labels"]
            typer.echo(f"accuracy on {len(correct):,} test frames: {correct.mean():.2%}")
    where = out if out.is_absolute() else f"./{out}"
    typer.echo(f"written to {out / 'network.npz'}; next: blindsight model compile {where} --data {data}")


@app.command(name="compile")
def compile_model(
    name: Name,
    security: Security = 128,
    out: Annotated[Path | None, typer.Option(help="File for the plan; default: NAME-SECURITY.plan here.")] = None,
    data: Annotated[Path | None, typer.Option(help="Frames to calibrate on; default: the model's samples.")] = None,
) -> None:
    """Compile a model into a plan, and the head that devices need."""
    plan = compile_plan(name, security, data)
    path = out or Path(f"{plan.head.model}-{security}.plan")
    plan.save(path)
    plan.save_head(path.with_suffix(".head"))
    typer.echo(
        f"plan {plan.head.hash[:12]} written to {path} (for workers) and {path.with_suffix('.head')} (for devices)"
    )


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A model, or a plan file.")],
    security: Security = 128,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a plan: its parameters, and what each stage costs."""
    plan = load_plan(Path(name)) if Path(name).is_file() else get_plan(name, security)
    facts = _facts(plan)
    if as_json:
        print_json(facts)
        return
    for key in (
        "model",
        "plan",
        "security_bits",
        "ring_dimension",
        "prime_bits",
        "modulus_bits",
        "evaluation_keys",
    ):
        typer.echo(f"{key.replace('_', ' '):18} {facts[key]}")
    table = Table("stage", "level", "scale bits", "rotations", "products", "square", "predicted ms")
    for index, stage in enumerate(plan.stages):
        row = _stage_facts(plan, index)
        table.add_row(
            str(index),
            str(stage.level),
            *[str(row[k]) for k in ("scale_bits", "rotations", "products", "square", "ms")],
        )
    console.print(table)
    typer.echo(
        f"{plan.rotations} rotations, {facts['predicted_ms']} ms predicted, "
        f"score error within {plan.head.error_bound:.3g}"
    )


@app.command()
def evaluate(
    name: Name,
    frames: Annotated[int, typer.Option(min=1, help="Frames to encrypt and evaluate.")] = 100,
    data: Annotated[
        Path | None, typer.Option(help="npz or folder of labelled frames; default: the model's samples.")
    ] = None,
    security: Security = 128,
    json_target: Annotated[
        str | None, typer.Option("--json", metavar="FILE|-", help="Write the report as JSON.")
    ] = None,
) -> None:
    """Evaluate a model on encrypted frames, in one process and one thread, against its plain self."""
    network = load_network(name)
    labelled = load_labelled(data, network.frame_shape, network.labels) if data else load_samples(name)
    count = min(frames, len(labelled.frames))
    plan = get_plan(name, security)
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("encrypted frames", total=count)
        result = evaluate_model(network, plan, labelled, count, lambda: progress.advance(bar))
    if json_target is not None:
        write_json(result.facts(), json_target)
    if json_target != "-":
        for key, value in result.facts().items():
            typer.echo(f"{key.replace('_', ' '):28} {value}")


def _facts(plan: Plan) -> dict[str, object]:
    parameters = plan.head.parameters
    return {
        "model": plan.head.model,
        "plan": plan.head.hash,
        "security_bits": parameters.security_bits,
        "ring_dimension": parameters.ring_dimension,
        "prime_bits": list(parameters.prime_bits),
        "modulus_bits": parameters.modulus_bits,
        "evaluation_keys": len(plan.head.rotations) + (plan.head.relinearisation_level is not None),
        "rotations": plan.rotations,
        "predicted_ms": round(sum(float(str(_stage_facts(plan, i)["ms"])) for i in range(len(plan.stages))), 1),
        "score_error_bound": plan.head.error_bound,
        "stages": [_stage_facts(plan, index) for index in range(len(plan.stages))],
    }


def _stage_facts(plan: Plan, index: int) -> dict[str, object]:
    stage, dimension = plan.stages[index], plan.head.parameters.ring_dimension
    ms = stage_ms(stage_rotations(stage), len(stage.terms), dimension, stage.level)
    if stage.square:
        ms += rotation_ms(dimension, stage.level)  # the square's relinearisation
    return {
        "level": stage.level,
        "scale_bits": round(float(np.log2(stage.input_scale)), 1),
        "rotations": stage_rotations(stage),
        "products": len(stage.terms),
        "square": stage.square,
        "ms": round(ms, 1),
    }
