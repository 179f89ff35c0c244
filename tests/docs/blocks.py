"""The pages of the documentation, taken apart into blocks of code and the commands in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: The pages whose blocks are run.
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
#: Every text of the repository; hidden folders hold other people's.
TEXTS = sorted(
    [
        *ROOT.glob("*.md"),
        *(text for folder in ROOT.iterdir() if folder.name[0] != "." for text in folder.rglob("*.md")),
    ]
)

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)$")
_REASON = re.compile(r"^<!-- not run: (.*) -->$")
#: A code span, which may be wrapped.
_SPAN = re.compile(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)")


class PageError(AssertionError):
    """A command or block of a page doesn't do what the page says."""


@dataclass(frozen=True)
class Block:
    """A block of code; `line` is that of its first line in the page, `reason` says why it isn't run."""

    page: str
    line: int
    language: str
    text: str
    reason: str | None


@dataclass(frozen=True)
class Command:
    """A command, with its continuation lines joined."""

    page: str
    line: int
    text: str

    @property
    def where(self) -> str:
        """Page and line, as an editor opens them."""
        return f"{self.page}:{self.line}"

    @property
    def in_background(self) -> bool:
        """Whether the page itself starts it in the background."""
        return self.text.endswith("&")


def name_of(page: Path) -> str:
    """A page's path as the tests show it."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: str, text: str) -> Iterator[Block]:
    """Every block of code of a page, in order."""
    lines = text.splitlines()
    start, fence = 0, None
    for number, line in enumerate(lines):
        found = _FENCE.match(line)
        if found and fence is None:
            start, fence = number, found
        elif found and fence is not None:
            above = _REASON.match(lines[start - 1].strip()) if start else None
            reason = above.group(1) if above else None
            yield Block(page, start + 2, fence["language"], "\n".join(lines[start + 1 : number]), reason)
            fence = None
    assert fence is None, f"{page}:{start + 1}: the block has no end"


def commands(block: Block) -> list[Command]:
    """What a reader would type: lines after a prompt, or the whole of a script. Other lines are output."""
    if block.language == "sh":
        return [Command(block.page, block.line, block.text)]
    found: list[Command] = []
    lines = iter(enumerate(block.text.splitlines(), start=block.line))
    for number, line in lines:
        if not line.startswith("$ "):
            continue
        text = line.removeprefix("$ ")
        while text.endswith("\\"):
            text = text.removesuffix("\\") + next(lines)[1].strip()
        found.append(Command(block.page, number, re.sub(r"\s+# .*$", "", text).strip()))
    return found


def page_blocks(page: Path) -> list[Block]:
    """The blocks of a page of the repository."""
    return list(blocks(name_of(page), page.read_text(encoding="utf-8")))


def spans(page: Path) -> Iterator[Command]:
    """Code within the prose of a page, as commands."""
    text = page.read_text(encoding="utf-8")
    prose = re.sub(r"^```.*?^```$", lambda block: "\n" * block.group().count("\n"), text, flags=re.M | re.S)
    for found in _SPAN.finditer(prose):
        yield Command(name_of(page), prose.count("\n", 0, found.start()) + 1, " ".join(found.group(1).split()))
