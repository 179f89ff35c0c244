"""Commands of the documentation held against the real command line, without running them."""

import re
import shlex
from typing import Any

import typer
from pydantic import ValidationError

from blindsight.cli import app
from blindsight.web.settings.console import ConsoleWebSettings
from blindsight.web.settings.device import DeviceWebSettings
from blindsight.web.settings.status import StatusWebSettings
from broker.settings import BridgeSettings
from common.service.settings import ServiceSettings
from tests.docs.substitutions import service_of
from workers.settings import WorkerSettings

#: Whose values are checked beyond the type that the command line knows.
_SETTINGS: dict[str, type[ServiceSettings]] = {
    "bridge": BridgeSettings,
    "worker": WorkerSettings,
    "device": DeviceWebSettings,
    "console": ConsoleWebSettings,
    "status": StatusWebSettings,
}
#: What a reader fills in, and a value of the right kind.
_PLACEHOLDERS = {
    "N": "60",
    "K": "4",
    "PID": "4711",
    "LAYER": "last",
    "PLAN": "digits",
    "FILE": "file",
    "FOLDER": "folder",
}


def problem(text: str, *, in_prose: bool = False) -> str | None:
    """What is wrong with a `blindsight …` command, as the command line says it; None if nothing is.

    `…` leaves things out, and so does prose: nothing is missing there.
    """
    words = shlex.split(re.sub(r"\"\$\(.*?\)\"|\$\(.*?\)", "4711", text).rstrip("&"))[1:]
    words = [_PLACEHOLDERS.get(word, word) for word in words]
    partial = in_prose or "…" in words
    try:
        context, values = _parse([word for word in words if word != "…"])
    except Exception as error:  # Typer has a Click of its own in some versions, so classes go by their names
        told = getattr(error, "format_message", None)
        left_out = type(error).__name__ == "MissingParameter" and partial
        return None if told is None or left_out else str(told())
    kind = _SETTINGS.get(context) if service_of(text) or context == "status" else None
    return None if kind is None else _wrong_value(kind, values)


def _parse(words: list[str]) -> tuple[str, dict[str, Any]]:
    """The last command's name and its parameters. Raises what Click raises."""
    command: Any = typer.main.get_command(app)
    name, parent = "blindsight", None
    while True:
        context = command.make_context(name, list(words), parent=parent)
        rest = [*context._protected_args, *context.args] if hasattr(command, "commands") else []
        if not rest:
            return name, context.params
        name, command, words = command.resolve_command(context, rest)
        parent = context


def _wrong_value(kind: type[ServiceSettings], values: dict[str, Any]) -> str | None:
    flags = {name: value for name, value in values.items() if value not in (None, [], ()) and name in kind.model_fields}
    try:
        kind(**flags)
    except ValidationError as error:
        wrong = [each for each in error.errors() if each["type"] != "missing"]
        return "; ".join(f"{each['loc'][0]}: {each['msg']}" for each in wrong) or None
    return None
