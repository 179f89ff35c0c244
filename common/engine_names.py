"""The engines by name, for settings and options: nothing else is imported with them."""

from typing import Literal

EngineName = Literal["native", "pyfhel"]

#: What the option `--engine` does, wherever a command has it.
ENGINE_HELP = "What evaluates ciphertexts: native, where it is installed; pyfhel is its slow reference."
