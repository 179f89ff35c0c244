"""`blindsight model train`: a model out of own pictures, or a shipped one trained anew."""

from pathlib import Path
from typing import Annotated

import typer

from blindsight.command_line.app import App
from blindsight.commands.model.options import Security
from blindsight.commands.model.training.meter import train_meter_anew
from blindsight.commands.model.training.own import OwnTraining, fine_tune_model, train_recipe
from blindsight.commands.model.training.shipped import train_shipped
from common.errors import ConfigurationError
from models.batching import HELP as FRAMES_HELP

app = App(name="train")

#: Panels of the help.
_OWN, _RECIPE, _SHIPPED = "Own pictures", "From the beginning", "A shipped model, anew"


@app.command()
def train(
    name: Annotated[
        str | None, typer.Argument(help="Shipped model to train anew: digits, scenes(-wide) or meter.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Pictures: a folder for each class, or a folder with labels.csv (file, label), or either of them in "
            "train, val and test; or npz with frames (n, h, w[, 3]) uint8, labels (n,), test_frames, test_labels. "
            "Of meter: handwritten digits that it learns, too, if given."
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="MODEL", help="Model to train further: a shipped one, or the folder of one."),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(help="Train from the beginning: small (as digits, quick) or medium (as scenes, for more)."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder of the model; default: NAME here; own pictures need it.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the pictures, at most.")] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same machine: same weights.")] = 0,
    normalise: Annotated[
        str,
        typer.Option(
            metavar="digit|light|none",
            help="What is done to each picture, as in the region file; none for what --keep-frames kept.",
            rich_help_panel=_OWN,
        ),
    ] = "none",
    new_labels: Annotated[
        bool,
        typer.Option("--new-labels", help="With --from: learn classes that MODEL doesn't know.", rich_help_panel=_OWN),
    ] = False,
    security: Security = 128,
    frames_per_ciphertext: Annotated[
        str | None,
        typer.Option(metavar="K|auto", help=f"{FRAMES_HELP} Default: as the plan of MODEL.", rich_help_panel=_OWN),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the model in the folder.", rich_help_panel=_OWN)
    ] = False,
    json_target: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE|-", help="Write the report as JSON.", rich_help_panel=_OWN),
    ] = None,
    frame_size: Annotated[
        str | None,
        typer.Option(
            metavar="HxW",
            help="Pixels of a frame; default: 28x28 for small, 32x32 for medium.",
            rich_help_panel=_RECIPE,
        ),
    ] = None,
    colour: Annotated[
        bool | None,
        typer.Option(
            "--colour/--grey",
            help="Frames' colours; default: grey for small, colour for medium.",
            rich_help_panel=_RECIPE,
        ),
    ] = None,
    activation: Annotated[
        str | None,
        typer.Option(help="Of digits: learned (the default; a·x² + b·x), x2+2x or none.", rich_help_panel=_SHIPPED),
    ] = None,
    fonts: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FOLDER",
            help="Of meter: fonts that crops are rendered from, beside those that ship; may be repeated.",
            rich_help_panel=_SHIPPED,
        ),
    ] = None,
    crops: Annotated[
        int | None,
        typer.Option(min=1000, help="Of meter: crops that are rendered; default: 400,000.", rich_help_panel=_SHIPPED),
    ] = None,
) -> None:
    """Train a model on pictures of your own, or a shipped one anew. Needs PyTorch (pip install torch).

    --from MODEL trains a model further, which takes few pictures and minutes; --recipe trains a new one. The folder
    that is written holds the network, its plan, and what it reached on pictures that it never learned from.
    """
    _check_choice(name, source, recipe)
    own_only = {"new_labels": new_labels or None, "frames_per_ciphertext": frames_per_ciphertext, "json": json_target}
    if name is not None:
        _refuse("for own pictures: --from or --recipe", {**own_only, "frame_size": frame_size, "colour": colour})
        _train_anew(name, data, out, epochs, seed, activation, fonts, crops)
        return
    _refuse("for meter", {"fonts": fonts or None, "crops": crops})
    _refuse("for a shipped model that is trained anew", {"activation": activation})
    data = _require_data(data)
    if out is None:
        raise ConfigurationError("out is missing; name the folder of the model that is made, such as -o mine")
    told = OwnTraining(data, out, normalise, epochs, seed, security, frames_per_ciphertext, force, json_target)
    if source is not None:
        _refuse("for --recipe; --from keeps what MODEL takes", {"frame_size": frame_size, "colour": colour})
        fine_tune_model(source, new_labels, told)
    elif recipe is not None:
        _refuse("for --from; a recipe learns all labels there are", {"new_labels": new_labels or None})
        train_recipe(recipe, frame_size, colour, told)


def _train_anew(
    name: str,
    data: Path | None,
    out: Path | None,
    epochs: int | None,
    seed: int,
    activation: str | None,
    fonts: list[Path] | None,
    crops: int | None,
) -> None:
    if name == "meter":
        _refuse("for digits", {"activation": activation})
        train_meter_anew(data, fonts or [], crops, out, epochs, seed)
        return
    _refuse("for meter", {"fonts": fonts or None, "crops": crops})
    train_shipped(name, _require_data(data), out, epochs, seed, activation)


def _require_data(data: Path | None) -> Path:
    if data is None:
        raise ConfigurationError("data is missing; give --data with a folder of pictures, or an npz file")
    return data


def _check_choice(name: str | None, source: str | None, recipe: str | None) -> None:
    given = [each for each in (name, source, recipe) if each is not None]
    if len(given) != 1:
        problem = "nothing says what to train" if not given else f"{' and '.join(given)} can't be trained at once"
        raise ConfigurationError(f"{problem}; give one of --from MODEL, --recipe small or the name of a shipped model")


def _refuse(purpose: str, options: dict[str, object]) -> None:
    """Raise `ConfigurationError` for an option that would have no effect."""
    for name, value in options.items():
        if value is not None:
            raise ConfigurationError(f"{name} is {value}, which is {purpose}; leave it out")
