"""What browsers get is ours, or is named with its source; nothing asks another host or is a script within a page."""

import hashlib
import re
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

import web

ROOM = Path(web.__file__).parent
STATIC, TEMPLATES = ROOM / "static", ROOM / "templates"
VENDORED = STATIC / "uplot"


def test_vendored_files_are_those_that_their_source_names() -> None:
    source = tomllib.loads((VENDORED / "source.toml").read_text())
    sums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VENDORED.iterdir()}
    del sums["source.toml"]
    assert sums == source["sha256"]
    assert source["license"] == "MIT" and "MIT License" in (VENDORED / "LICENSE.txt").read_text()
    assert source["version"] in source["source"] and source["version"] in (VENDORED / "uPlot.esm.js").read_text()[:9999]


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.name)
def test_a_template_has_no_script_style_or_raw_value_in_it(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\son\w+=|\|\s*safe\b|autoescape|javascript:", text)


def test_nothing_names_another_host() -> None:
    own = [path for path in [*STATIC.rglob("*"), *TEMPLATES.rglob("*")] if path.is_file() and path.parent != VENDORED]
    named = {
        path.name: found
        for path in own
        if (found := re.findall(r"(?:https?:)?//[\w-]+\.[\w./-]+", path.read_text())) and path.suffix != ".svg"
    }
    assert named == {}


@pytest.mark.skipif(find_spec("jinja2") is None, reason="Jinja2 isn't installed")
def test_what_a_template_writes_is_escaped() -> None:
    from web.rendering.environment import _environment

    assert _environment.from_string("{{ name }}").render(name="<img onerror='x'>") == (
        "&lt;img onerror=&#39;x&#39;&gt;"
    )
