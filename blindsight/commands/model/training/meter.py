"""`blindsight model train meter`: the model that reads meters, trained anew on crops that are rendered."""

from pathlib import Path

import numpy as np
import typer
from rich.progress import Progress

from blindsight.command_line.output import console
from common.writable import check_file
from compiler.labelled import load_labelled


def train_meter_anew(
    data: Path | None, fonts: list[Path], crops: int | None, out: Path | None, epochs: int | None, seed: int
) -> None:
    """Train `meter` on rendered crops, and on handwritten digits of `data`, if given; write its network and crops.

    The crops of fonts that training didn't see are written beside the network, as samples to compile it with.
    Raises `ConfigurationError` naming what can't be used.
    """
    from models.rendering.files import write_crops
    from models.rendering.fonts import SHIPPED, find_fonts
    from models.training.meter import DEFAULT_CROPS, DEFAULT_EPOCHS, FRAME_SHAPE, held_out, train_meter
    from models.training.trainer import import_torch

    import_torch()  # before crops are rendered for minutes
    out, crops, epochs = out or Path("meter"), crops or DEFAULT_CROPS, epochs or DEFAULT_EPOCHS
    check_file(out / "network.npz", "out", makes_folders=True)
    digits = None if data is None else load_labelled(data, FRAME_SHAPE)
    book = find_fonts([SHIPPED, *fonts], "training")
    with Progress(console=console) as progress:
        rendering = progress.add_task(f"crops of {len(book.fonts):,} fonts", total=crops)
        training = progress.add_task("training", total=epochs)

        def report(epoch: int, _: int, loss: float) -> None:
            progress.update(training, completed=epoch, description=f"training, loss {loss:.3f}")
            if not console.is_terminal:
                console.print(f"epoch {epoch} of {epochs}: loss {loss:.3f}")

        network = train_meter(
            book,
            None if digits is None else digits.frames,
            None if digits is None else digits.labels,
            crops=crops,
            epochs=epochs,
            seed=seed,
            rendered=lambda done: progress.update(rendering, completed=done),
            progress=report,
        )
    out.mkdir(parents=True, exist_ok=True)
    network.save(out / "network.npz")
    if not (out / "samples").exists():
        write_crops(out / "samples", held_out(book)[1], count=100, seed=seed)
    if data is not None:
        with np.load(data) as file:
            if "test_frames" in file:
                correct = network.scores(file["test_frames"]).argmax(axis=1) == file["test_labels"]
                typer.echo(f"accuracy on {len(correct):,} test frames: {correct.mean():.2%}")
    where = out if out.is_absolute() else f"./{out}"
    typer.echo(
        f"written to {out / 'network.npz'}; next: blindsight model compile {where} --frames-per-ciphertext 8, and "
        "blindsight model render meter for photos to try it on"
    )
