"""A console that is given a history feeds it, fills it from its record, and forgets in it what is too old."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from common.history.history import History
from common.history.views import LabelFilter
from common.keys.scores import ScoreReader
from common.label_groups import read_groups
from common.publishing.events import FrameLabel
from common.readings.meters import Meters
from common.service.settings import load_settings
from common.wire import messages, topics
from common.wire.connection import MqttConnection
from common.wire.incoming import IncomingMessage
from common.wire.messages import Receipt
from console.record.record import FILE, Record
from console.recording import LabelDesk
from console.service import Console
from console.settings import ConsoleSettings
from tests.integration.fleet import wait_for
from tests.unit.common.wire.tcp_broker import CONNACK, Broker
from tests.unit.console.bench import JOB, make_head, make_keys, make_label

HEAD = make_head()
GROUPS = read_groups(["vowel=a"])


@pytest.fixture
def broker() -> Iterator[Broker]:
    made = Broker(b"", damaged=0, first=CONNACK)
    yield made
    made.close()


def earlier(record: Record, number: int, age: float) -> None:
    """A label that was recorded before there was a history."""
    job, at = f"{number:08d}-0123456789abcdef", time.time() - age
    record.add(
        "cam-a", HEAD.hash, Receipt(1, job, 1, at, at, at, at, at), [FrameLabel("cam-a", job, number, "a", at, at)]
    )


def test_it_has_what_was_recorded_before_and_what_comes_and_no_more_than_is_kept(
    tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MqttConnection, "publish", lambda *_, **__: None)
    key_set = make_keys(HEAD, tmp_path / "keys")
    record, history = Record(tmp_path / FILE), History(tmp_path / "history.sqlite")
    earlier(record, 0, 7200.0)
    earlier(record, 1, 60.0)
    given = {"keys": tmp_path / "keys", "plans": [Path("p")], "state": tmp_path, "mqtt_port": broker.port, "keep": "1h"}
    desk = LabelDesk([ScoreReader(HEAD, key_set)], record, False, None, groups=GROUPS)
    settings = load_settings(ConsoleSettings, None, given)
    console = Console(settings, key_set, desk, record, [], Meters(), GROUPS, history)
    thread = threading.Thread(target=console.run)
    thread.start()
    payload = messages.encode(make_label(HEAD, key_set, np.array([[0.1, 0.2, 0.7], [0.5, 0.1, 0.2]])))
    console._arrived(IncomingMessage(topics.labels("cam-a", JOB), payload, 1, 1, 1))
    wait_for("its labels", lambda: len(list(history.all_labels(LabelFilter()))) == 3 and len(record.labels()) == 3)
    console.stop()
    thread.join()
    found = [(view.counter, view.label, view.group) for view in history.all_labels(LabelFilter(order="oldest"))]
    assert found == [(1, "a", "vowel"), (12, "c", ""), (13, "a", "vowel")]
    assert history.filled_to() > 0
    assert [each.name for each in threading.enumerate() if each.name.startswith(("forward", "keep", "fill"))] == []
    record.close()
    history.close()
