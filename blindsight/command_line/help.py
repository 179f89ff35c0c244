"""`--help` of every command: panels of options, whole words and names however narrow the terminal."""

import inspect
from collections.abc import Iterable
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

#: Columns by which an option's description stands behind its name.
_INDENT = 4

Rows = list[tuple[str, str]]


def command_help(command: Any, context: Any) -> str:
    """A command's usage, what it does, and its arguments and options by panel."""
    return _help(command, context, {})


def group_help(group: Any, context: Any) -> str:
    """The same of a group, with a panel of its commands."""
    commands = ((name, group.get_command(context, name)) for name in group.list_commands(context))
    rows = [(name, first_paragraph(one.help)) for name, one in commands if one is not None and not one.hidden]
    return _help(group, context, {"Commands": rows})


def first_paragraph(text: str | None) -> str:
    """The first paragraph of a help text, without markup and without the source's line ends."""
    return Text.from_markup(_joined(text or "").split("\n\n", maxsplit=1)[0]).plain


def _help(command: Any, context: Any, more: dict[str, Rows]) -> str:
    panels: dict[str, Rows] = {"Arguments": [], "Options": []}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)  # None for what is hidden
        if record is not None:
            usual = "Arguments" if parameter.param_type_name == "argument" else "Options"
            name = getattr(parameter, "rich_help_panel", None) or usual
            panels.setdefault(name, []).append(record)
    console = Console(highlight=False)
    with console.capture() as capture:
        console.print(Text(command.get_usage(context), style="bold"), end="\n\n")
        if command.help:
            console.print(Padding(Text.from_markup(_joined(command.help)), (0, 1)), end="\n\n")
        for title, rows in {**panels, **more}.items():
            if rows:
                console.print(Panel(Group(*_listed(rows)), title=title, title_align="left", border_style="dim"))
    return capture.get()


def _listed(rows: Rows) -> Iterable[RenderableType]:
    """Each name with its value, and below it what it means: side by side one of them would be cut."""
    for name, meaning in rows:
        yield Text(name, style="cyan", overflow="fold")
        yield Padding(Text(meaning.replace("  [", " ["), overflow="fold"), (0, 0, 0, _INDENT))


def _joined(text: str) -> str:
    """Paragraphs without the source's line ends."""
    return "\n\n".join(part.replace("\n", " ") for part in inspect.cleandoc(text).split("\n\n"))
