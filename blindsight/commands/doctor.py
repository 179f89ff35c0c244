"""`blindsight doctor`: what evaluates plans on this machine."""

import platform
from typing import Annotated, Any

import typer

from blindsight.command_line.app import App
from blindsight.command_line.output import print_json
from common.installed import blindsight_version
from workers.evaluation.engines import FIX, native_paths, why_not_native

app = App(name="doctor")


@app.command()
def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False) -> None:
    """Say what evaluates plans on this machine, and what is missing."""
    if as_json:
        print_json(_found())
        return
    typer.echo(f"blindsight: {blindsight_version()}, Python {platform.python_version()}, {platform.machine()}")
    typer.echo(f"engine: {_engine()}")


def _found() -> dict[str, Any]:
    found = {"blindsight": blindsight_version(), "python": platform.python_version(), "machine": platform.machine()}
    paths = native_paths()
    if paths:
        return {**found, "engine": "native", "path": paths[0], "paths": list(paths)}
    return {**found, "engine": "pyfhel", "reason": why_not_native(), "fix": FIX}


def _engine() -> str:
    """The engine, in words."""
    paths = native_paths()
    if not paths:
        return f"pyfhel, several times slower than native, which can't be loaded ({why_not_native()}); {FIX}"
    best, *others = paths
    if not others:
        return f"native, {best}"
    return f"native, {best} ({' and '.join(others)} also {'run' if len(others) > 1 else 'runs'})"
