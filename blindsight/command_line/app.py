"""The tree of commands. A list of commands imports none of them: a lazy command's module is imported when it runs."""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


class App(typer.Typer):
    """A Typer whose commands and groups show their help as `blindsight.command_line.help` writes it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"cls": _Group, "add_completion": False, **options})

    def command(self, name: str | None = None, **options: Any) -> Callable[[Any], Any]:
        """Register a command, as Typer does."""
        return super().command(name, **{"cls": _Command, **options})

    def lazy_command(self, name: str, target: str, first_paragraph: str) -> None:
        """Register a command or a group whose module is imported when the command runs.

        `target` is "module:attribute" of an `App`; `first_paragraph` is the first paragraph of its help, which lists
        of commands and the shell's completion show in the meantime.
        """
        stand_in: Any = partial(_StandIn, target=target)
        super().command(name, cls=stand_in, help=first_paragraph)(lambda: None)


class _Command(TyperCommand):
    def format_help(self, ctx: Any, formatter: Any) -> None:
        from blindsight.command_line.help import command_help  # neither a service nor completion needs it

        formatter.write(command_help(self, ctx))


class _StandIn(_Command):
    """Stands for a lazy command: its name and first paragraph."""

    def __init__(self, *arguments: Any, target: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._target = target

    def load(self) -> Any:
        """The command itself."""
        module, _, attribute = self._target.partition(":")
        return typer.main.get_command(getattr(import_module(module), attribute))


class _Group(TyperGroup):
    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the first argument names, imported; its name; and the arguments that are left."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, _StandIn) else command, rest

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from blindsight.command_line.help import group_help

        formatter.write(group_help(self, ctx))
