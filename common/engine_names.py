"""The engines by name, for settings and options: nothing else is imported with them."""

import importlib.util
from typing import Literal

EngineName = Literal["native", "pyfhel"]

#: What the option `--engine` does, wherever a command has it.
ENGINE_HELP = "What evaluates ciphertexts: native, where it is installed; pyfhel is its slow reference."


def usual_engine() -> EngineName:
    """The engine that evaluates here unless another one is asked for. It isn't loaded."""
    return "pyfhel" if importlib.util.find_spec("blindsight_engine") is None else "native"
