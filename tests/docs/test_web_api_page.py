"""The lines of docs/web-api.md run as they stand there, one after the other, on a site in memory; its figures hold."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, commands, page_blocks

pytest.importorskip("fastapi")
pytest.importorskip("argon2")

from tests.web_site import MemorySite
from web import bounds, guard, live, server
from web.access import sessions
from web.access.access import Access
from web.api import shapes, streams
from web.application import build_app
from web.server import WebServer

PAGE = ROOT / "docs" / "web-api.md"


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page's lines are those of curl")
def test_the_lines_of_the_page_run(tmp_path: Path) -> None:
    access = Access(tmp_path / "web")
    access.accounts.add("ada", "correct horse battery", "keeper")
    site = MemorySite()
    served = WebServer(build_app(site, access))
    lines = [command.text for block in page_blocks(PAGE) for command in commands(block)]
    assert len(lines) > 30
    script = "\n".join(lines).replace("127.0.0.1:8443", f"127.0.0.1:{served.port}")
    folder = tmp_path / "reader"
    folder.mkdir()
    served.start()
    try:
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script], cwd=folder, capture_output=True, timeout=120, check=False
        )
    finally:
        served.end()
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()[-2000:]
    assert b"event: change" in done.stdout and b"304\n" in done.stdout
    assert json.loads((folder / "letters.json").read_text())["items"][0]["job"] in site.retried
    assert (folder / "labels.csv").read_text().startswith("device,job,counter,label")
    assert len((folder / "labels.jsonl").read_text().splitlines()) > 1000
    assert (folder / "readings.parquet").read_bytes().startswith(b"PAR1")
    assert (folder / "broker.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "dead-letters.zip").read_bytes().startswith(b"PK")


def test_the_bounds_of_the_page_are_those_of_the_code() -> None:
    text = " ".join(PAGE.read_text().split())
    for said in (
        f"connections at once | {server.MOST_CONNECTIONS} |",
        f"| {server.HEAD_SECONDS:.0f} s each; a body has at most {bounds.MOST_BODY >> 10} KB",
        f"an address {guard.MOST_ADDRESS >> 10} KB",
        f"| {bounds.BEGIN_SECONDS:.0f} s, {bounds.END_SECONDS / 3600:.0f} h |",
        f"| {live.MOST_LISTENERS}, and {live.MOST_OF_ONE} of a session",
        f"exports at once | {streams.MOST_DOWNLOADS} |",
        f"{sessions.IDLE_SECONDS / 3600:.0f} h without a request, and after {sessions.MOST_SECONDS / 86_400:.0f} days",
        f"A list has {shapes.ITEMS} items a page, or as many as `limit` says, up to {shapes.MOST_ITEMS}.",
    ):
        assert said in text
