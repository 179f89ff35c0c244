"""The option that chooses an engine, of commands that evaluate ciphertexts in their own process."""

from typing import Annotated

import typer

from workers.evaluation.engine_names import ENGINE_HELP, EngineName

Engine = Annotated[EngineName | None, typer.Option(help=ENGINE_HELP)]
