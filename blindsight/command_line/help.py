"""`--help` of every command: panels of options, whole words and names however narrow the terminal."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import typer
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text
from typer.core import TyperCommand, TyperGroup

#: Columns by which an option's description stands behind its name.
_INDENT = 4

Rows = list[tuple[str, str]]


class App(typer.Typer):
    """A Typer whose commands and groups all show their help in this way."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"cls": _GroupWithHelp, **options})

    def command(self, name: str | None = None, **options: Any) -> Callable[[Any], Any]:
        """Register a command, as Typer does."""
        return super().command(name, **{"cls": _CommandWithHelp, **options})


class _CommandWithHelp(TyperCommand):
    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(_help(self, ctx, {}))


class _GroupWithHelp(TyperGroup):
    def format_help(self, ctx: Any, formatter: Any) -> None:
        commands = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [(name, _first_paragraph(one.help)) for name, one in commands if one is not None and not one.hidden]
        formatter.write(_help(self, ctx, {"Commands": rows}))


def _help(command: Any, context: Any, more: dict[str, Rows]) -> str:
    """Usage, what the command does, its arguments and options by panel, and `more` panels."""
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


def _first_paragraph(text: str | None) -> str:
    return Text.from_markup(_joined(text or "").split("\n\n", maxsplit=1)[0]).plain
