"""What several commands of `blindsight camera` take."""

from pathlib import Path
from typing import Annotated

import typer

#: The model whose labels are shown, unless another one is named.
DEFAULT_MODEL = "meter"

Camera = Annotated[
    str, typer.Option(help="Where pictures come from, as for blindsight device: webcam:N, rtsp://…, folder:PATH, ….")
]
CameraPassword = Annotated[
    Path | None,
    typer.Option("--camera-password-file", help="File that holds USER:PASSWORD of a camera in the network."),
]
CameraCertificate = Annotated[
    Path | None,
    typer.Option(
        "--camera-ca-file",
        help="Certificate that an https:// camera's own is signed by, if the system doesn't know it.",
    ),
]
Model = Annotated[str, typer.Option(help="A shipped model, or the folder of one; it runs in plain, on this machine.")]
