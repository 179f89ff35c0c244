"""What several commands of `blindsight model` take."""

from typing import Annotated

import typer

from models.batching import HELP as FRAMES_HELP
from models.layer_choice import HELP as ENCRYPT_FROM_HELP

Name = Annotated[str, typer.Argument(help="A shipped model, or the folder of one.")]
Security = Annotated[int, typer.Option(help="Security level in bits: 128, 192 or 256.")]
FramesPerCiphertext = Annotated[str, typer.Option(metavar="K|auto", help=FRAMES_HELP)]
Sealed = Annotated[
    bool, typer.Option("--sealed", help="Compile for encrypted weights: a longer modulus, and larger scales.")
]
EncryptFrom = Annotated[str, typer.Option(metavar="LAYER|last", help=ENCRYPT_FROM_HELP)]
