"""The help of every command, as it stands in a terminal: grouped, and with nothing cut."""

import functools
import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from blindsight.cli import app

ROOT: Any = typer.main.get_command(app)
#: The end of a word that was cut; "cam-02, …" isn't one.
CUT = re.compile(r"[\w-]…")


def commands(command: Any, *path: str) -> Iterator[tuple[str, ...]]:
    """The words of each command, groups too."""
    yield path
    for name in getattr(command, "commands", ()):
        yield from commands(inside(command, name), *path, name)


def find(path: tuple[str, ...]) -> Any:
    return functools.reduce(inside, path, ROOT)


def inside(group: Any, name: str) -> Any:
    """The command of this name itself, where the group has a stand-in for it."""
    return group.resolve_command(typer.Context(group), [name])[1]


def show(*path: str) -> str:
    done = CliRunner().invoke(app, [*path, "--help"], prog_name="blindsight")
    assert done.exit_code == 0, done.output
    return done.stdout


def joined(text: str) -> str:
    return re.sub(r"[\s│]", "", text)


@pytest.mark.parametrize("width", [80, 40])
@pytest.mark.slow
def test_no_command_has_a_word_that_is_cut(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    for path in commands(ROOT):
        text = show(*path)
        assert f"Usage: {' '.join(('blindsight', *path))}" in text
        assert max(map(len, text.splitlines())) <= width or width < 80, path  # the usage is one line
        assert not CUT.search(text), path
        for parameter in find(path).params:
            assert joined(parameter.help or "") in joined(text), (path, parameter.name)
            if parameter.param_type_name == "option":
                assert {*parameter.opts, *parameter.secondary_opts} <= set(re.findall(r"-[-\w]+", text)), path


def test_every_setting_of_a_service_is_in_a_panel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for name, panels in {
        "device": {"Connection", "TLS", "Logging", "Health and metrics", "Keys", "Device", "Camera"},
        "console": {"Connection", "Keys", "Labels", "Publishing"},
        "bridge": {"Redis", "Frames and keys", "Flow control"},
        "worker": {"Redis", "Plans and evaluation", "Caches"},
        "status": {"Connection", "Redis"},
    }.items():
        text = show(name)
        assert panels <= set(re.findall(r"^╭─ (.*?) ─", text, re.M))
        options = text.partition("Options ─")[2].partition("╰")[0]
        assert set(re.findall(r"--[-\w]+", options)) <= {"--config", "--help", "--json", "--no-json"}, name


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("device", "--policy <all|latest>"),
        ("device", "--custody <device|site>"),
        ("demo", "--custody <device|site>"),
        ("device", "--log-level <debug|info|warning|error>"),
        ("device", "default: 30; 1<=x<=120; env: BLINDSIGHT_MQTT_KEEPALIVE"),
        ("device", "[0<x; env: BLINDSIGHT_RATE]"),
        ("status", "[env: BLINDSIGHT_FILTER]"),
        ("device", "[env: BLINDSIGHT_PLAN; required]"),
    ],
)
def test_values_ranges_defaults_and_variables_are_listed(command: str, shown: str) -> None:
    assert joined(shown) in joined(show(command))


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (["device", "--motoin", "3"], "--motion"),
        (["bridg"], "bridge"),
        (["device", "--policy", "some"], "latest"),
        (["bridge", "--log-level", "loud"], "warning"),
    ],
)
def test_a_mistyped_word_gets_the_nearest_or_the_possible_ones(words: list[str], near: str) -> None:
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert near in done.output
