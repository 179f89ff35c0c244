"""What several commands of `blindsight camera` take."""

from typing import Annotated

import typer

#: The model whose labels are shown, unless another one is named.
DEFAULT_MODEL = "meter"

Camera = Annotated[
    str, typer.Option(help="Where pictures come from, as for blindsight device: webcam:N, folder:PATH, video:PATH, ….")
]
Model = Annotated[str, typer.Option(help="A shipped model, or the folder of one; it runs in plain, on this machine.")]
