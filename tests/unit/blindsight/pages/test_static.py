"""The pages come whole from the package: nothing is from another host, and no script or style is in the HTML."""

import re
from pathlib import Path

import pytest

import blindsight.pages

STATIC = Path(blindsight.pages.__file__).parent / "static"
FILES = sorted(path for path in STATIC.iterdir() if path.suffix in (".html", ".css", ".js", ".svg"))
PAGES = [path for path in FILES if path.suffix == ".html"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_nothing_comes_from_another_host(file: Path) -> None:
    addresses = re.findall(r"https?://[^\s\"']+", file.read_text(encoding="utf-8"))
    assert set(addresses) <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_has_no_script_or_style_of_its_own(page: Path) -> None:
    """Since the Content-Security-Policy forbids them."""
    html = page.read_text(encoding="utf-8")
    assert not re.search(r"\sstyle=|\son\w+=|<style|<script(?![^>]* src=)", html)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_file_that_is_named_is_there(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    named = re.findall(r"/static/([\w.]+)|from \"\./([\w.]+)\"", text)
    assert [name for pair in named for name in pair if name and not (STATIC / name).is_file()] == []
