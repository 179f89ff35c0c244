"""`blindsight model train NAME`: a shipped model, trained anew on the data that it was made of."""

import contextlib
from pathlib import Path

import typer
from rich.progress import Progress

from blindsight.command_line.output import console
from common.errors import ConfigurationError
from common.files import read_arrays
from common.writable import check_file
from compiler.labelled import load_labelled
from models.training import TRAININGS

#: Bytes of the arrays of test frames and their labels, at most.
_MOST_BYTES = 1 << 32


def train_shipped(
    name: str, data: Path, out: Path | None, epochs: int | None, seed: int, activation: str | None
) -> None:
    """Train a shipped model anew, write its network, and print its accuracy on the npz's test frames.

    Raises `ConfigurationError` naming what can't be used.
    """
    if name not in TRAININGS:
        raise ConfigurationError(
            f"there is no training recipe for {name!r}; there is one for {', '.join(TRAININGS)} and meter. "
            "For pictures of your own: --from MODEL or --recipe small"
        )
    training = TRAININGS[name]
    options = {} if activation is None else {"activation": activation}
    if activation is not None and activation not in training.activations:
        fix = f"choose one of {', '.join(training.activations)}" if training.activations else "leave it out"
        raise ConfigurationError(f"activation is {activation!r}, which {name} can't be trained with; {fix}")
    out = out or Path(name)
    check_file(out / "network.npz", "out", makes_folders=True)
    samples = load_labelled(data, training.frame_shape)
    epochs = epochs or training.epochs
    with Progress(console=console) as progress:
        bar = progress.add_task("training", total=epochs)

        def report(epoch: int, total: int, loss: float) -> None:  # a recipe with a teacher has more epochs
            progress.update(bar, total=total, completed=epoch, description=f"training, loss {loss:.3f}")
            if not console.is_terminal:
                console.print(f"epoch {epoch} of {total}: loss {loss:.3f}")

        network = training.train(samples.frames, samples.labels, epochs=epochs, seed=seed, progress=report, **options)
    out.mkdir(parents=True, exist_ok=True)
    network.save(out / "network.npz")
    if data.is_file():
        with contextlib.suppress(KeyError):  # an npz without frames to test on
            test = read_arrays(data, _MOST_BYTES, ("test_frames", "test_labels"))
            correct = network.scores(test["test_frames"]).argmax(axis=1) == test["test_labels"]
            typer.echo(f"accuracy on {len(correct):,} test frames: {correct.mean():.2%}")
    where = out if out.is_absolute() else f"./{out}"
    typer.echo(f"written to {out / 'network.npz'}; next: blindsight model compile {where} --data {data}")
