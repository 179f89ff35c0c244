"""`blindsight data`: a person's own pictures, on their way to a model of their own."""

from pathlib import Path
from typing import Annotated

import typer

from blindsight.command_line.app import App
from blindsight.command_line.lists import read_labels
from blindsight.pages.installed import check_installed
from blindsight.pages.labelling.keys import check_labels
from common.errors import ConfigurationError
from common.plan.network import Network
from common.writable import check_file
from models.catalogue import load_network

app = App(name="data", help="Label pictures of your own, for a model of your own.", no_args_is_help=True)

#: The labels without --model and --labels, which are those of the model `meter`.
_METER = [*"0123456789", "between", "unreadable"]

Folder = Annotated[Path, typer.Argument(help="Folder of crops, such as blindsight device --keep-frames keeps.")]
Model = Annotated[
    str | None, typer.Option(help="A shipped model, or the folder of one: gives the labels, and suggests one per crop.")
]
Labels = Annotated[
    str | None, typer.Option(metavar="A,B,…|FILE", help="Labels to choose from; default: those of meter.")
]
Port = Annotated[int, typer.Option(min=0, max=65_535, help="Port on 127.0.0.1; 0 is a free one.")]


# The group has one command so far, and keeps its name nevertheless.
@app.callback()
def _group() -> None:
    pass


@app.command()
def label(folder: Folder, model: Model = None, labels: Labels = None, port: Port = 0) -> None:
    """Label the crops of a folder in a browser, by keyboard.

    Each answer is written to labels.csv in the folder at once (columns file, label), so that the page may be closed
    and opened again at any time. The page is served to this machine only, at the address that is printed.
    """
    if model is not None and labels is not None:
        raise ConfigurationError("both model and labels are given; a model has its own labels, so leave one out")
    check_installed("labelling in a browser")
    from blindsight.pages.labelling.crops import Labelling
    from blindsight.pages.labelling.labels_file import NAME
    from blindsight.pages.labelling.page import LabellingPage
    from blindsight.pages.showing import show_page

    network = None if model is None else load_network(model)
    chosen = _labels(network, labels)
    check_labels(chosen)
    labelling = Labelling(folder)
    check_file(folder / NAME, NAME)
    show_page(LabellingPage(labelling, chosen, network), port, f"{len(labelling.files):,} crops to label")
    typer.echo(f"{labelling.counts().total():,} of {len(labelling.files):,} crops have a label in {folder / NAME}")


def _labels(network: Network | None, listed: str | None) -> list[str]:
    return list(network.labels) if network is not None else read_labels(listed) or _METER
