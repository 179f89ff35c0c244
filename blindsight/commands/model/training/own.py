"""`blindsight model train --from MODEL` and `--recipe NAME`: a model out of own pictures."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.progress import Progress

from blindsight.command_line.facts import print_facts
from blindsight.command_line.output import check_target, console, write_json
from blindsight.commands.model.plan_table import plan_lines, show_costs
from blindsight.commands.model.training.report import print_report
from common.ckks.parameters import RING_DIMENSIONS, max_modulus_bits
from common.errors import ConfigurationError
from common.pictures.fitting import FrameShape
from common.pictures.normalise import NORMALISATIONS, Normalisation
from models.batching import parse_frames
from models.catalogue import load_network
from models.saving import check_target as check_model_target
from models.training.own.pictures import OwnPictures, load_own
from models.training.own.recipes import RECIPES
from models.training.own.training import (
    Trained,
    compile_trained,
    frames_of_source,
    save_trained,
    train_from,
    train_new,
)
from models.training.trainable import Progress as Report
from models.training.trainer import import_torch

#: Digits of the number of pixels of a frame's side, at most.
_MOST_DIGITS = 4


@dataclass(frozen=True)
class OwnTraining:
    """What the command line says about a training on own pictures; None is what the source or recipe says."""

    data: Path
    out: Path
    normalise: str
    epochs: int | None
    seed: int
    security: int
    frames_per_ciphertext: str | None
    force: bool
    json_target: str | None


def fine_tune_model(source: str, new_labels: bool, told: OwnTraining) -> None:
    """Train a model further on own pictures. Raises `BlindsightError` naming what can't be used."""
    normalisation = _check(told)
    network = load_network(source)
    frames = (
        frames_of_source(source) if told.frames_per_ciphertext is None else parse_frames(told.frames_per_ciphertext)
    )
    pictures = _load(told, network.frame_shape, normalisation, network.labels)
    unknown = [label for label in pictures.classes if label not in network.labels]
    if unknown and new_labels:
        console.print(f"new labels, for which the last layer is made anew: {', '.join(unknown)}", markup=False)

    def train(progress: Report) -> Trained:
        name, epochs, seed = told.out.resolve().name, told.epochs, told.seed
        return train_from(source, name, pictures, new_labels=new_labels, epochs=epochs, seed=seed, progress=progress)

    _finish(train, frames, told)


def train_recipe(recipe_name: str, frame_size: str | None, colour: bool | None, told: OwnTraining) -> None:
    """Train a network of a recipe on own pictures. Raises `BlindsightError` naming what can't be used."""
    normalisation = _check(told)
    if recipe_name not in RECIPES:
        raise ConfigurationError(f"recipe is {recipe_name!r}; give one of {', '.join(RECIPES)}")
    recipe = RECIPES[recipe_name]
    height, width = recipe.frame_shape[:2] if frame_size is None else _parse_size(frame_size)
    channels = recipe.frame_shape[2] if colour is None else 3 if colour else 1
    shape = (height, width, channels)
    recipe.build("", shape, ("", ""), 0)  # frames of impossible sizes are refused before pictures are read
    frames = parse_frames(told.frames_per_ciphertext or "1")
    pictures = _load(told, shape, normalisation, None)

    def train(progress: Report) -> Trained:
        name, epochs, seed = told.out.resolve().name, told.epochs, told.seed
        return train_new(recipe_name, recipe, shape, name, pictures, epochs=epochs, seed=seed, progress=progress)

    _finish(train, frames, told)


def _check(told: OwnTraining) -> Normalisation:
    """Refuse what can't work before pictures are read; how they are normalised."""
    check_target(told.json_target)
    check_model_target(told.out, told.force)
    max_modulus_bits(told.security, RING_DIMENSIONS[0])  # refuses a level that there isn't, before minutes of training
    import_torch()
    for kind in NORMALISATIONS:
        if told.normalise == kind:
            return kind
    raise ConfigurationError(f"normalise is {told.normalise!r}; give one of {', '.join(NORMALISATIONS)}")


def _parse_size(text: str) -> tuple[int, int]:
    sides = text.lower().replace("×", "x").split("x")
    sides = sides * 2 if len(sides) == 1 else sides
    if len(sides) != 2 or not all(side.isascii() and side.isdigit() and len(side) <= _MOST_DIGITS for side in sides):
        raise ConfigurationError(f"frame_size is {text!r}; give HEIGHTxWIDTH in pixels, such as 28x28")
    return int(sides[0]), int(sides[1])


def _load(
    told: OwnTraining, frame_shape: FrameShape, normalisation: Normalisation, known: tuple[str, ...] | None
) -> OwnPictures:
    with console.status("reading the pictures"):
        pictures = load_own(told.data, frame_shape, normalisation, known)
    if pictures.gone:
        console.print(f"{pictures.gone:,} pictures that labels.csv lists aren't there any more; they are left out")
    return pictures


def _finish(train: Callable[[Report], Trained], frames: int | None, told: OwnTraining) -> None:
    """Train, say what it reached, compile, say what that costs, and write it all."""
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("training", total=None)

        def report(epoch: int, epochs: int, loss: float) -> None:
            progress.update(bar, total=epochs, completed=epoch, description=f"training, loss {loss:.3f}")
            if not console.is_terminal:
                console.print(f"epoch {epoch} of at most {epochs}: loss {loss:.3f}")

        trained = train(report)
    if told.json_target is not None:
        write_json(trained.report.facts(), told.json_target)
    if told.json_target != "-":
        print_report(trained.report)
    with console.status("compiling the plan"):
        plan = compile_trained(trained, told.security, frames, show_costs)
    if told.json_target != "-":
        print_facts(plan_lines(plan))
    path = save_trained(trained, plan, told.out, force=told.force)
    where = told.out if told.out.is_absolute() else f"./{told.out}"
    message = (
        f"written to {told.out}: the plan {path.name} for workers, {path.with_suffix('.head').name} for devices, and "
        f"confusion.png to look at; next: blindsight model evaluate {where}, blindsight demo --model {where}"
    )
    console.print(message, markup=False, soft_wrap=True)
