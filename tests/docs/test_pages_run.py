"""Every block of the pages runs as it stands there, on real servers, in order; or it says why it isn't run."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from blindsight.demo.servers import find_mqtt
from common.publishing.events import FrameLabel
from edge.labels.results import Result
from tests.docs import session as running
from tests.docs.blocks import PAGES, ROOT, Block, PageError, blocks, commands, name_of, page_blocks
from tests.docs.reader_files import PREPARE
from tests.docs.reasons import PAGES_RUN_BY, problem
from tests.docs.session import OPERATOR, Session
from tests.integration.fleet import wait_for

LANGUAGES = ("console", "sh", "python")
HERE = [page for page in PAGES if name_of(page) not in PAGES_RUN_BY]
WITH_BLOCKS = [page for page in HERE if any(block.language in LANGUAGES for block in page_blocks(page))]
NOT_RUN = [block for page in PAGES for block in page_blocks(page) if block.reason is not None]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    opened = Session(tmp_path_factory.mktemp("pages"))
    yield opened
    opened.close()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(find_mqtt().name != "mosquitto", reason="the pages start Mosquitto itself")
@pytest.mark.parametrize("page", sorted(WITH_BLOCKS, key=lambda page: page != OPERATOR), ids=name_of)
def test_a_page_runs(session: Session, page: Path) -> None:
    try:
        folder = session.run(page, PREPARE.get(name_of(page)))
        if name_of(page) == "docs/integration.md":
            _gets_labels(folder)
        if name_of(page) == "docs/publishing.md":
            wait_for("a label at the webhook", partial(_has_a_line, folder / "received.jsonl"))
    finally:
        session.end_page()


def _gets_labels(folder: Path) -> None:
    """Labels come where the page says, with the fields that it says."""
    for name, fields in (("labels.jsonl", Result), ("forwarded.jsonl", FrameLabel)):
        wait_for(f"a label in {name}", partial(_has_a_line, folder / name))
        first = json.loads((folder / name).read_text().splitlines()[0])
        assert set(first) - {"kind"} <= {*fields.__struct_fields__}
        assert "lead" not in first


def _has_a_line(file: Path) -> bool:
    return file.exists() and b"\n" in file.read_bytes()


@pytest.mark.parametrize("block", NOT_RUN, ids=lambda block: f"{block.page}:{block.line}")
def test_a_block_that_is_not_run_has_a_reason_of_the_list(block: Block) -> None:
    assert block.reason is not None
    assert problem(block.reason) is None


@pytest.mark.parametrize("page", [page for page in PAGES if page not in HERE], ids=name_of)
def test_a_page_that_is_run_elsewhere_is_run_there(page: Path) -> None:
    assert problem(PAGES_RUN_BY[name_of(page)]) is None


@pytest.mark.parametrize("reason", ["", "it fails", "run by tests/docs/test_nothing.py", "run by me"])
def test_no_other_reason_is_taken(reason: str) -> None:
    assert problem(reason)


MARKED = """
<!-- not run: needs Docker -->
```console
$ docker compose up
```

```console
$ false \\
      --really   # a remark
what it prints
```
"""


def test_a_page_is_taken_apart_into_commands_and_what_they_print() -> None:
    first, second = blocks("page.md", MARKED)
    assert (first.reason, first.line) == ("needs Docker", 4)
    assert (second.reason, second.line) == (None, 8)
    (command,) = commands(second)
    assert (command.where, command.text) == ("page.md:8", "false --really")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("```console\n$ blindsight keys show nothing-there\n```\n", r"page\.md:2: blindsight keys show.*\n.*code 1"),
        ("```console\n$ blindsight keys shaw site\n```\n", "No such command 'shaw'"),
        ("```console\n$ blindsight worker --plans digist\n```\n", r"page\.md:2.*\n.*ended with code 1"),
        ("```sh\nfalse\ntrue\n```\n", "ends with code 1"),
        ("```python\nx = 1\n```\n```python\nassert x == 2\n```\n", r"page\.md:5\n(.|\n)*AssertionError"),
    ],
)
@pytest.mark.slow
def test_a_page_that_is_wrong_fails_at_its_line(
    wrong: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = ROOT / "page.md"
    monkeypatch.setattr(running, "page_blocks", lambda path: list(blocks("page.md", wrong)) if path == page else [])
    monkeypatch.setattr(Session, "_site_end", staticmethod(lambda: 0))
    monkeypatch.setattr(Session, "_needs_site", staticmethod(lambda page: False))
    opened = Session(tmp_path)
    try:
        with pytest.raises(PageError, match=message):
            opened.run(page)
    finally:
        opened.close()
