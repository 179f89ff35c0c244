"""Hostile clients make a console neither ask nor log without end. (Its work is tested on real servers.)"""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from common.keys.scores import ScoreReader
from common.service.settings import load_settings
from common.wire import messages, topics
from common.wire.connection import MqttConnection, Received
from common.wire.messages import ErrorReply
from console.record.record import Record
from console.recording import LabelDesk
from console.service import Console
from console.settings import ConsoleSettings
from tests.unit.console.bench import JOB, make_head, make_keys

HEAD = make_head()


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Topics of what the console publishes: there is no broker."""
    found: list[str] = []
    monkeypatch.setattr(MqttConnection, "publish", lambda self, topic, payload, **_: found.append(topic))
    return found


@pytest.fixture
def console(tmp_path: Path, published: list[str]) -> Iterator[Console]:
    key_set = make_keys(HEAD, tmp_path / "keys")
    record = Record(tmp_path / "labels.sqlite")
    given = {"keys": tmp_path / "keys", "plans": [Path("p")], "state": tmp_path}
    desk = LabelDesk([ScoreReader(HEAD, key_set)], record, False, None)
    yield Console(load_settings(ConsoleSettings, None, given), key_set, desk, record, [])
    record.close()


def give(console: Console, topic: str, payload: bytes) -> None:
    console._inbox.put(Received(topic, payload, 1, 1, 1))
    console._step()


def test_however_many_say_that_its_keys_are_unknown_it_asks_the_bridge_now_and_again(
    console: Console, published: list[str]
) -> None:
    unknown = messages.encode(ErrorReply(1, JOB, "unknown-key", ""))
    console._upload.begin()
    del published[:]
    for _ in range(500):
        console._upload.ready = True  # as if the bridge had answered
        give(console, topics.errors("cam-a", JOB), unknown)
    assert 1 <= len(published) < 100


def test_rubbish_is_one_line_of_the_log_a_second_and_never_a_long_one(console: Console) -> None:
    with structlog.testing.capture_logs() as logs:
        for number in range(1000):
            level = "x/" * 30_000 if number % 2 else JOB
            give(console, f"{topics.ROOT}/cam-a/labels/{level}", b"rubbish")
            give(console, f"other/{level}", b"")
    ignored = [each for each in logs if each["event"] == "ignored a message"]
    assert 1 <= len(ignored) < 200 and len(ignored) == len(logs)
    assert max(len(str(each)) for each in ignored) < 2000
