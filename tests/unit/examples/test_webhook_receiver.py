"""The example of a receiver, and the lines that the page shows, take what we post, and nothing else."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from blindsight.demo.servers import free_ports
from common.errors import BlindsightError
from common.publishing.events import plain
from common.publishing.ways.webhook import WebhookWay, read_key, signature
from examples.webhook_receiver import is_genuine
from tests.docs.blocks import ROOT, page_blocks
from tests.integration.fleet import wait_for
from tests.unit.common.publishing.queues import LABEL, READING
from tests.unit.common.publishing.ways.receiver import receiving

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EXAMPLE = ROOT / "examples" / "webhook_receiver.py"


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    return tmp_path / "secret"


@pytest.fixture
def address(secret_file: Path, tmp_path: Path) -> Iterator[str]:
    """Where the example runs; what it prints is in `received`."""
    (port,) = free_ports(1)
    with (tmp_path / "received").open("wb") as out:
        running = subprocess.Popen([sys.executable, EXAMPLE, secret_file, str(port)], stdout=out, stderr=out)
    yield f"http://127.0.0.1:{port}/"
    running.kill()
    running.wait()


def test_it_prints_what_is_genuine_once_and_refuses_the_rest(address: str, secret_file: Path, tmp_path: Path) -> None:
    way, forger, unsigned = (WebhookWay(address, key) for key in (read_key(secret_file), bytes(32), None))
    events = [plain(LABEL), plain(READING)]

    def is_there() -> bool:
        try:
            way.send(events)
        except BlindsightError:
            return False
        return True

    wait_for("the receiver", is_there)
    way.send(events)  # again
    for each in (forger, unsigned):
        with pytest.raises(BlindsightError, match="answers 401"):
            each.send(events)
    for each in (way, forger, unsigned):
        each.close()
    lines = [line for line in (tmp_path / "received").read_bytes().splitlines() if line.startswith(b"{")]
    assert lines == events


def test_the_lines_of_the_page_verify_the_same(secret_file: Path) -> None:
    (block,) = (each for each in page_blocks(ROOT / "docs" / "publishing.md") if each.language == "python")
    names: dict[str, Any] = {}
    exec(block.text, names)
    with receiving() as receiver:
        way = WebhookWay(receiver.url, read_key(secret_file))
        way.send([plain(READING)])
        way.close()
    (post,) = receiver.posts
    old = str(int(time.time()) - 3600)
    replayed = {**post.headers, "webhook-timestamp": old}
    replayed["webhook-signature"] = signature(read_key(secret_file), post.headers["webhook-id"], old, post.body)
    cases: list[tuple[Mapping[str, str], bytes, bool]] = [
        (post.headers, post.body, True),
        (post.headers, post.body + b" ", False),
        ({**post.headers, "webhook-id": "other"}, post.body, False),
        (replayed, post.body, False),
    ]
    for headers, body, genuine in cases:
        assert names["is_genuine"](SECRET, headers, body) is genuine
        assert is_genuine(SECRET, headers, body) is genuine
    for name in post.headers:
        assert not is_genuine(SECRET, {**post.headers, name: "ä"}, post.body) or not name.startswith("webhook-")
    assert json.loads(post.body)["name"] == "water"


def test_it_shows_its_usage_where_arguments_are_missing() -> None:
    done = subprocess.run([sys.executable, EXAMPLE], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "SECRET_FILE PORT" in done.stderr
