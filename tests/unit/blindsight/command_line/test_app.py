"""The tree of commands: known by name and first paragraph, and imported when one runs."""

from typing import Any

import pytest
import typer

from blindsight.cli import app
from blindsight.command_line.help import first_paragraph
from tests.imports import imported, run

#: Groups that have lazy commands, by the words that lead to each.
GROUPS = [(), ("device",), ("console",), ("model",)]


def group_of(path: tuple[str, ...]) -> Any:
    group: Any = typer.main.get_command(app)
    for name in path:
        _, group, _ = group.resolve_command(typer.Context(group), [name])
    return group


@pytest.mark.parametrize("path", GROUPS, ids=lambda path: " ".join(path) or "root")
def test_a_lazy_commands_first_paragraph_is_that_of_the_command_itself(path: tuple[str, ...]) -> None:
    group = group_of(path)
    for name, stand_in in group.commands.items():
        _, command, _ = group.resolve_command(typer.Context(group), [name])
        assert command is not stand_in, name
        assert stand_in.help == first_paragraph(command.help), name


#: Packages that no list of commands needs.
HEAVY = {"blindsight.commands", "structlog", "numpy"}


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_the_root_tells_of_all_commands_and_imports_none(option: str) -> None:
    done = run(option)
    assert done.returncode == 0 and "blindsight" in done.stdout
    assert imported(done.stderr) & {*HEAVY, "pydantic"} == set()


def complete(words: str) -> tuple[list[str], set[str]]:
    """What the shell offers behind these words, as Typer's script for bash asks for it; and what that imports."""
    number = str(len(words.split(" ")) - 1)
    done = run(_BLINDSIGHT_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=number)
    return done.stdout.split(), imported(done.stderr)


def test_the_shell_completes_a_commands_name_without_importing_it() -> None:
    offered, names = complete("blindsight mod")
    assert offered == ["model"]
    assert names & HEAVY == set()


@pytest.mark.slow
def test_the_shell_completes_commands_and_flags_of_a_lazy_group() -> None:
    offered, names = complete("blindsight device out")
    assert offered == ["outbox"]
    assert "edge.settings" in names and "edge.outbox.dead_letters" not in names
    assert complete("blindsight console --json")[0] == ["--json"]
