"""The option that chooses an engine, of commands that evaluate ciphertexts in their own process."""

from typing import Annotated

import typer

from blindsight.command_line.output import console
from common.engine_names import ENGINE_HELP, EngineName

Engine = Annotated[EngineName | None, typer.Option(help=ENGINE_HELP)]


def chosen(engine: EngineName | None) -> EngineName:
    """The engine that evaluates; where that is Pyfhel unasked, standard error says how to get the native one.

    Raises `ConfigurationError` where the native engine is asked for and can't be loaded.
    """
    from workers.evaluation.engines import FIX, choose_engine

    name = choose_engine(engine)
    if name != "native" and engine is None:
        console.print(f"evaluating with Pyfhel, several times slower than the native engine; to have that, {FIX}")
    return name
