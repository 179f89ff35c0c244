"""Every link within the repository leads somewhere, and every path that a text names exists."""

import re
from functools import cache
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, TEXTS, name_of, spans

_LINK = re.compile(r"(?<!`)!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.M)
#: A path with a folder and an ending: `common/ckks/fhe.py`.
_PATH = re.compile(r"(?:[\w.-]+/)+[\w-]+\.(?:py|md|sh|toml|yml|npz|plan|conf|json|svg|onnx|cmake)")
#: Files that a site or a reader has, not the repository.
_ELSEWHERE = re.compile(r"^(?:site|mine|redis|mosquitto|acl\.d|~|/|cam-\d\d)\b|^\.cache/")


@cache
def anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub links to them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    found: set[str] = set()
    for heading in _HEADING.findall(text):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")
        number = 0
        while (name := f"{slug}-{number}" if number else slug) in found:
            number += 1
        found.add(name)
    return found


def broken(page: Path, text: str) -> list[str]:
    """The links of a page that lead nowhere."""
    wrong = []
    for link in _LINK.findall(text):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        where, _, anchor = link.partition("#")
        target = page.parent / where if where else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            wrong.append(link)
    return wrong


def missing(page: Path) -> list[str]:
    """The paths in a page's code spans that don't exist."""
    paths = [found for span in spans(page) for found in _PATH.findall(span.text) if not _ELSEWHERE.match(span.text)]
    paths = [path for path in paths if not _ELSEWHERE.match(path)]
    return [path for path in paths if not (ROOT / path).exists() and not (page.parent / path).exists()]


@pytest.mark.parametrize("page", TEXTS, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken(page, page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", [page for page in TEXTS if page.name != "CHANGELOG.md"], ids=name_of)
def test_every_path_exists(page: Path) -> None:
    assert missing(page) == []


def test_a_link_or_path_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    links = "[a](#one-1) [b](#two) [c](other.md) [d](https://example.org)"
    text = f"# One\n\n# One\n\n{links} `common/fhe.py` `docs/figures.py`\n"
    page.write_text(text, encoding="utf-8")
    assert broken(page, text) == ["#two", "other.md"]
    assert [found for found in _PATH.findall(text) if not (ROOT / found).exists()] == ["common/fhe.py"]


@pytest.mark.parametrize("page", [page for page in TEXTS if page.parent == ROOT / "docs"], ids=name_of)
@pytest.mark.slow
def test_a_reader_gets_from_the_readme_to_every_page(page: Path) -> None:
    """From the README, or from a page to which it leads."""
    reached = {ROOT / "README.md"}
    while True:
        more = {
            (one.parent / link.partition("#")[0]).resolve()
            for one in reached
            if one.suffix == ".md" and one.exists()
            for link in _LINK.findall(one.read_text(encoding="utf-8"))
            if not link.startswith("http") and link.partition("#")[0].endswith(".md")
        }
        if more <= reached:
            break
        reached |= more
    assert page in reached
