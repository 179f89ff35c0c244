"""What ARCHITECTURE.md and CONTRIBUTING.md say about the code is so."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXTS = ("ARCHITECTURE.md", "CONTRIBUTING.md", "docs/protocol.md")
PARTS = ("common", "compiler", "models", "edge", "broker", "workers", "console", "web", "blindsight")


@pytest.mark.parametrize("name", TEXTS)
def test_every_file_and_folder_that_is_named_is_there(name: str) -> None:
    quoted = re.findall(r"`([\w.-]+(?:/[\w.-]+)*/?)`", (ROOT / name).read_text())
    paths = [each for each in quoted if each.endswith("/") or re.search(r"/.*\.(py|md|conf|toml|json)$", each)]
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_import_rules_are_those_of_the_linter() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    chapter = (ROOT / "ARCHITECTURE.md").read_text().partition("## Imports that are forbidden")[2]
    named = re.findall(r"^- \*(.+?)\*", chapter.partition("\n## ")[0], re.M | re.S)
    assert [" ".join(each.split()) for each in named] == [contract["name"] for contract in contracts]


def test_every_room_has_its_line() -> None:
    rooms = {path.parent.relative_to(ROOT).as_posix() + "/" for part in PARTS for path in (ROOT / part).rglob("*.py")}
    chapter = (ROOT / "ARCHITECTURE.md").read_text().partition("## The rooms")[2].partition("\n## ")[0]
    assert sorted(rooms - set(re.findall(r"`([\w/]+/)`", chapter))) == []
