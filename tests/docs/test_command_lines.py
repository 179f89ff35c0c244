"""Every command that a text names exists, with its options and values, whether it is run or not."""

import importlib.util
import re

import pytest

from tests.docs.blocks import PAGES, ROOT, Command, commands, page_blocks, spans
from tests.docs.command_line import problem

TEXTS = [*PAGES, *sorted((ROOT / "models").glob("*/README.md"))]
IN_BLOCKS = [
    command
    for page in TEXTS
    for block in page_blocks(page)
    if block.language == "console"
    for command in commands(block)
]
#: In protocol.md code within the prose is bytes, such as those that are hashed.
IN_PROSE = [span for page in TEXTS if page.name != "protocol.md" for span in spans(page)]
ALL = [*IN_BLOCKS, *IN_PROSE]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def named(first: str) -> list[Command]:
    return [command for command in ALL if command.text.startswith(f"{first} ")]


def by_place(command: Command) -> str:
    return command.where


@pytest.mark.parametrize("command", named("blindsight"), ids=by_place)
def test_the_command_line_takes_it(command: Command) -> None:
    assert problem(command.text, in_prose=command in IN_PROSE) is None, command.text


@pytest.mark.parametrize("command", named("make"), ids=by_place)
def test_the_makefile_has_the_target(command: Command) -> None:
    target = command.text.split()[1]
    assert re.search(rf"^{re.escape(target)}:", MAKEFILE, re.M), command.text


@pytest.mark.parametrize("command", named("python -m"), ids=by_place)
def test_the_module_exists(command: Command) -> None:
    assert importlib.util.find_spec(command.text.split()[2]), command.text


def test_each_kind_of_command_is_found() -> None:
    assert len(named("blindsight")) > 60 and len(named("make")) > 10 and len(named("python -m")) > 4


@pytest.mark.parametrize("text", [command.text for command in ALL if re.match(r"(pip|pip3) install", command.text)])
def test_nothing_is_installed_from_a_registry_that_does_not_have_it(text: str) -> None:
    assert "blindsight" not in text


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("blindsight demo --device 2", "No such option"),
        ("blindsight console --plan digits …", "No such option: --plan"),
        ("blindsight model compiler digits", "No such command"),
        ("blindsight provision site --devices ten", "valid integer"),
        ("blindsight device --policy some …", "policy"),
        ("blindsight device --retry-after 0 …", "retry_after: Input should be greater than 0"),
        ("blindsight keys create keys --no-passphrase", "Missing option '--plan'"),
        ("blindsight model show digits extra", "unexpected extra argument"),
    ],
)
def test_a_command_that_is_wrong_is_found(wrong: str, message: str) -> None:
    found = problem(wrong)
    assert found is not None and message in found
