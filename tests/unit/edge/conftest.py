"""An outbox of a test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.outbox.outbox import Outbox


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.sqlite"


@pytest.fixture
def outbox(path: Path) -> Iterator[Outbox]:
    opened = Outbox(path, max_bytes=10_000)
    yield opened
    opened.close()
