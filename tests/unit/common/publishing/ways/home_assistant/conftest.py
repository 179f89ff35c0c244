"""A broker of the user's own for each test, and the queue of a key holder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from common.publishing import forwarder
from tests.unit.common.publishing.queues import Queue, opened
from tests.unit.common.publishing.ways.home_assistant.home_broker import HomeBroker, home_broker


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody wakes the forwarders of these tests."""
    monkeypatch.setattr(forwarder, "_LOOK_SECONDS", 0.05)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[HomeBroker]:
    with home_broker(tmp_path / "home") as made:
        yield made


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    with opened(tmp_path / "queue.sqlite", "mqtt") as made:
        yield made
