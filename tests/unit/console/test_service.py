"""A console closes what it has opened, and hostile clients make it neither ask nor log without end.

Its work is tested on real servers.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import structlog

from common.errors import BlindsightError, ConfigurationError
from common.keys.scores import ScoreReader
from common.readings.meters import Meters
from common.service.settings import load_settings
from common.wire import messages, topics
from common.wire.connection import MqttConnection
from common.wire.incoming import IncomingMessage
from common.wire.messages import EncryptedScores, ErrorReply, Receipt
from console.outputs import LogLines, Output, QuietOutput
from console.record.record import Record
from console.recording import LabelDesk
from console.service import Console, open_record
from console.settings import ConsoleSettings
from tests.unit.common.wire.tcp_broker import CONNACK, REFUSED, Broker
from tests.unit.console.bench import JOB, make_head, make_keys, make_label

HEAD = make_head()


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Topics of what the console publishes: there is no broker."""
    found: list[str] = []
    monkeypatch.setattr(MqttConnection, "publish", lambda self, topic, payload, **_: found.append(topic))
    return found


@pytest.fixture
def console(tmp_path: Path, published: list[str]) -> Iterator[Console]:
    with opened(tmp_path, []) as console:
        yield console


@contextmanager
def opened(folder: Path, outputs: Sequence[Output], **options: object) -> Iterator[Console]:
    key_set = make_keys(HEAD, folder / "keys")
    record = Record(folder / "labels.sqlite")
    settings = load_settings(
        ConsoleSettings, None, {"keys": folder / "keys", "plans": [Path("p")], "state": folder, **options}
    )
    desk = LabelDesk([ScoreReader(HEAD, key_set)], record, False, None)
    yield Console(settings, key_set, desk, record, outputs, Meters())
    record.close()


def give(console: Console, topic: str, payload: bytes) -> None:
    console._inbox.put(IncomingMessage(topic, payload, 1, 1, 1))
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


class Watched(LogLines):
    """An output that says whether it was closed."""

    is_closed = False

    def close(self) -> None:
        self.is_closed = True


@pytest.mark.parametrize(
    ("first", "metrics_port_is_taken", "error"),
    [(REFUSED, False, "the broker refuses user"), (CONNACK, True, "metrics can't be served")],
    ids=["it is refused", "its port for metrics is taken"],
)
def test_a_console_that_cannot_start_leaves_nothing_open(
    tmp_path: Path, first: bytes, metrics_port_is_taken: bool, error: str
) -> None:
    broker, output = Broker(b"", damaged=10, first=first), Watched()
    more = {"mqtt_port": broker.port, "metrics_port": broker.port if metrics_port_is_taken else None}
    more |= {"forward_command": "cat", "keep": "90d"}
    with opened(tmp_path, [output], **more) as console, pytest.raises(BlindsightError, match=error):
        console.run()
    broker.close()
    assert output.is_closed
    assert [each.name for each in threading.enumerate() if each.name.startswith(("paho", "forward", "keep"))] == []


def test_a_state_has_one_console(tmp_path: Path) -> None:
    flags = {"keys": tmp_path, "plans": [tmp_path], "state": tmp_path / "state"}
    wanted = load_settings(ConsoleSettings, None, flags)
    with (
        open_record(wanted),
        pytest.raises(ConfigurationError, match="another console uses now; stop that one"),
        open_record(wanted),
    ):
        pass
    with open_record(wanted):  # the first one has let go of it
        pass


class Listening(QuietOutput):
    """An output that writes down what it is told of bursts."""

    def __init__(self) -> None:
        self.told: list[tuple[str, ...]] = []

    def burst(self, device: str, reply: EncryptedScores, receipt: Receipt) -> None:
        self.told.append(("burst", device, reply.job, receipt.job))

    def refused(self, device: str, reply: ErrorReply) -> None:
        self.told.append(("refused", device, reply.job, reply.reason))


def test_outputs_hear_of_each_burst_once_and_of_each_refusal(tmp_path: Path, published: list[str]) -> None:
    output = Listening()
    with opened(tmp_path, [output]) as console:
        label = messages.encode(make_label(HEAD, console._key_set, np.eye(3)[:1]))
        for _ in range(2):
            give(console, topics.labels("cam-a", JOB), label)
        give(console, topics.errors("cam-b", JOB), messages.encode(ErrorReply(1, JOB, "busy", "")))
    assert output.told == [("burst", "cam-a", JOB, JOB), ("refused", "cam-b", JOB, "busy")]


def test_what_else_is_well_or_not_is_part_of_its_health(tmp_path: Path, published: list[str]) -> None:
    with opened(tmp_path, []) as console:
        key_set, record = console._key_set, console._record
        desk = LabelDesk([ScoreReader(HEAD, key_set)], record, False, None)
        settings = console._settings
        served = Console(settings, key_set, desk, record, [], Meters(), checks=[lambda: "the site has stopped"])
        assert "the site has stopped" in served._health().problems()
