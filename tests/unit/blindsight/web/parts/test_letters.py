"""Dead letters of real outboxes are listed, retried, dropped and exported."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from blindsight.web.parts.letters import Letters, NoDeadLetters
from common.errors import ConfigurationError
from edge.outbox.outbox import Outbox
from tests.unit.edge.entries import add, job


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    """Five bursts, of which all but the last are dead letters."""
    opened = Outbox(tmp_path / "outbox.sqlite", max_bytes=10_000)
    for counter in range(5):
        add(opened)
        if counter < 4:
            opened.park(job(counter), "deadline", "late", 2000.0 + counter)
    yield opened
    opened.close()


@pytest.fixture
def letters(tmp_path: Path, outbox: Outbox) -> Iterator[Letters]:
    opened = Letters({"cam-1": tmp_path / "outbox.sqlite", "cam-2": tmp_path / "missing.sqlite"})
    yield opened
    opened.close()


def test_dead_letters_are_listed_page_by_page_the_last_captured_first(letters: Letters) -> None:
    page = letters.dead_letters("cam-1", None, 3)
    assert [view.counter for view in page.items] == [3, 2, 1]
    assert [view.counter for view in letters.dead_letters("cam-1", page.next_cursor, 3).items] == [0]
    first = page.items[0]
    assert (first.reason, first.detail, first.parked_at, first.size) == ("deadline", "late", 2003.0, 100)
    assert first.captured_at == (1003.0,)


def test_a_device_without_an_outbox_yet_has_none(letters: Letters) -> None:
    assert letters.dead_letters("cam-2", None, 3).items == ()
    assert len(letters.dead_letters("", None, 10).items) == 4


def test_a_retried_letter_is_pending_again(letters: Letters, outbox: Outbox) -> None:
    assert letters.retry("cam-1", [job(1), job(4), "no such job"]) == 1
    assert outbox.get(job(1)) is not None
    assert outbox.counts().parked == 3


def test_a_dropped_letter_is_gone(letters: Letters, outbox: Outbox) -> None:
    assert letters.drop("cam-1", [job(0), job(2)]) == 2
    assert (outbox.counts().parked, outbox.counts().dropped) == (2, 2)


def test_an_export_has_a_line_and_a_ciphertext_of_each(letters: Letters, outbox: Outbox) -> None:
    data = b"".join(letters.export_dead_letters("cam-1", [job(1), job(3)]))
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.testzip() is None
    lines = [json.loads(line) for line in archive.read("dead-letters.jsonl").splitlines()]
    assert [line["job"] for line in lines] == [job(1), job(3)]
    assert [archive.read(line["file"]) for line in lines] == [b"\x01" * 100, b"\x03" * 100]
    assert outbox.counts().parked == 4


def test_an_export_is_made_piece_by_piece(letters: Letters) -> None:
    pieces = [piece for piece in letters.export_dead_letters("cam-1", [job(n) for n in range(4)]) if piece]
    assert len(pieces) == 5


def test_another_device_is_refused_by_name(letters: Letters) -> None:
    with pytest.raises(ConfigurationError, match="no outbox of device 'cam-9' here; give one of cam-1, cam-2"):
        letters.retry("cam-9", [job(0)])


def test_where_the_letters_are_elsewhere_it_is_said_where() -> None:
    site = NoDeadLetters()
    assert site.dead_letters("cam-1", None, 5).items == ()
    for act in (site.retry, site.drop, site.export_dead_letters):
        with pytest.raises(ConfigurationError, match=r"of device 'cam-1' are in its own outbox; .*device --web"):
            act("cam-1", [job(0)])
