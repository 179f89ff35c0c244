"""Install the extra `bench` into .venv/bench, package by package: python -m benchmarks.harness.install

The peers have an environment of their own, for they hold NumPy, SciPy and torch to other versions. One that
can't be installed is said and passed over: the others are measured all the same. Uses pip's own settings.
"""

import subprocess
import sys
import tomllib
import venv
from collections.abc import Sequence
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_FOLDER = _ROOT / ".venv" / "bench"
PYTHON = _FOLDER / "bin" / "python"
#: Orion needs torchvision for its examples' data sets only. Torchvision would bring a torch of its own choice,
#: on Linux one with gigabytes of CUDA, in place of the one that the extra lists.
_LEFT_OUT = {"orion-fhe": "torchvision"}
_REQUIRES = """
import importlib.metadata, sys
print(*(line.replace(" ", "") for line in importlib.metadata.requires(sys.argv[1]) if "extra" not in line))
"""


def name_of(requirement: str) -> str:
    """The package's name in `name>=version`, `name (>=version)` or `name`."""
    end = next((index for index, char in enumerate(requirement) if char in "<>=!~([; "), len(requirement))
    return requirement[:end]


def install(requirement: str) -> None:
    """Install one package with what it needs. Raises `subprocess.CalledProcessError` where pip fails."""
    name = name_of(requirement)
    if name not in _LEFT_OUT:
        _pip([requirement])
        return
    _pip(["--no-deps", requirement])
    needs = _run([PYTHON, "-c", _REQUIRES, name]).split()
    _pip([need for need in needs if name_of(need) != _LEFT_OUT[name]])


def _pip(arguments: Sequence[str]) -> None:
    _run([PYTHON, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-input", *arguments])


def _run(command: Sequence[str | Path]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main() -> None:
    """Make the environment where it is missing, and install what the extra lists, in its order."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    if not PYTHON.exists():
        venv.create(_FOLDER, with_pip=True)
    for requirement in project["project"]["optional-dependencies"]["bench"]:
        print(f"bench: {requirement}", flush=True)
        try:
            install(requirement)
        except subprocess.CalledProcessError as error:
            said = [line for line in error.stderr.splitlines() if line.strip()] or ["pip failed"]
            print(f"bench: {requirement} can't be installed: {said[-1]}", file=sys.stderr)


if __name__ == "__main__":
    main()
