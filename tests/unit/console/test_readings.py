"""A site's console makes a reading of each picture's labels, and records it with them, once."""

import io
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from rich.console import Console as Terminal
from structlog.testing import capture_logs

from common.keys.key_set import KeySet
from common.keys.known_answers import KnownAnswers, KnownFrame
from common.keys.scores import ScoreReader
from common.plan.layers import Dense, Flatten
from common.plan.network import Network
from common.plan.plan import PlanHead
from common.publishing.events import decode_event
from common.publishing.ways.functions import TARGET
from common.readings.evidence import Floats
from common.readings.meters import Meters
from common.readings.reading import Reading
from common.readings.spec import Layout, ReadingSpec
from compiler.compile import compile_network
from console.functions import ConsoleFunctions
from console.outputs import JsonLines, LogLines
from console.record.record import Record
from console.recording import LabelDesk
from console.table import LiveTable
from tests.unit.console.bench import make_keys, make_label

LAYOUT = Layout(("d1", "d2", "d3"), (ReadingSpec("water", ("d1", "d2", "d3"), 1, "m³", 1.0),))
HEAD = compile_network(
    Network("tiny", (2, 2, 1), tuple("0123456789"), (Flatten(), Dense(np.eye(10, 4), np.zeros(10)))),
    np.random.default_rng(0).integers(0, 256, (20, 2, 2, 1), dtype=np.uint8),
    frames_per_ciphertext=4,
).head
READING = Reading("cam-a", "water", "00000003-x", 1000.0, "good", "12.4", "m³", 0.99)


def _scores(digits: str) -> Floats:
    scores = np.zeros((len(digits), 10))
    scores[range(len(digits)), [int(digit) for digit in digits]] = 15.0
    return scores


class Site:
    def __init__(self, folder: Path, key_set: KeySet) -> None:
        self.record = Record(folder / "labels.sqlite", ["webhook", TARGET])
        self.key_set = key_set
        self.desk = self.restarted()

    def restarted(self, known: KnownAnswers | None = None) -> LabelDesk:
        return LabelDesk([ScoreReader(HEAD, self.key_set)], self.record, False, known, None, Meters(LAYOUT))

    def take(self, number: int, digits: str) -> list[Reading]:
        label = make_label(HEAD, self.key_set, _scores(digits), f"{number:08d}-0123456789abcdef")
        return list(self.desk.take("cam-a", label, 1000.0 + 600 * number).readings)


@pytest.fixture(scope="module")
def key_set(tmp_path_factory: pytest.TempPathFactory) -> KeySet:
    assert isinstance(HEAD, PlanHead)
    return make_keys(HEAD, tmp_path_factory.mktemp("keys") / "set")


@pytest.fixture
def site(tmp_path: Path, key_set: KeySet) -> Iterator[Site]:
    made = Site(tmp_path, key_set)
    yield made
    made.record.close()


def test_readings_are_recorded_with_the_labels_and_published_behind_them(site: Site) -> None:
    (first,) = site.take(0, "123")
    site.desk = site.restarted()  # all that is known is in the record
    (second,) = site.take(3, "124")
    assert (first.state, first.value) == ("uncertain", None)
    assert (second.state, second.value, second.unit, second.captured_at) == ("good", "12.4", "m³", None)
    assert site.record.last_readings() == [second]
    waiting = [decode_event(each.body) for each in site.record.outgoing.first("webhook", 100)]
    assert [type(each).__name__ for each in waiting] == [*["FrameLabel"] * 3, "Reading"] * 2
    assert waiting[-1] == second


def test_a_burst_that_comes_again_counts_once(site: Site) -> None:
    site.take(0, "123")
    tracks = site.record.tracks("cam-a")
    assert site.take(0, "123") == []
    assert site.record.tracks("cam-a") == tracks
    assert site.record.outgoing.waiting("webhook") == 4


def test_labels_and_what_is_known_are_recorded_both_or_neither(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(site.record.outgoing, "add", lambda *_: 1 / 0)  # the last thing of the transaction
        with pytest.raises(ZeroDivisionError):
            site.take(0, "123")
    assert (site.record.labels(), site.record.tracks("cam-a"), site.record.last_readings()) == ([], {}, [])
    assert len(site.take(0, "123")) == 1


def test_a_burst_with_another_number_of_frames_is_not_read(site: Site) -> None:
    with capture_logs() as logs:
        assert site.take(0, "12") == []
    assert logs[0]["reason"] == "its bursts have 2 frames, and the region file has 3 regions"
    assert len(site.record.labels()) == 2


def test_a_device_with_regions_mixes_no_known_answers_in(site: Site) -> None:
    class Known(KnownAnswers):
        def __init__(self) -> None:
            pass

        def at(self, device: str, counter: int) -> KnownFrame | None:
            return KnownFrame(np.zeros((2, 2, 1), np.uint8), 0)

    site.desk = site.restarted(Known())
    assert len(site.take(0, "123")) == 1
    assert len(site.record.labels()) == 3


def test_old_readings_are_forgotten_with_their_labels(site: Site) -> None:
    site.take(0, "123")
    assert site.record.forget(1e12) == 1
    assert site.record.last_readings() == []
    assert site.record.tracks("cam-a") != {}


def test_functions_get_readings(site: Site) -> None:
    given: list[Reading] = []
    functions = ConsoleFunctions(site.record, None, given.append, None)
    readings = site.take(0, "123")
    functions.reading(readings[0])
    assert given == readings
    assert site.record.outgoing.waiting(TARGET) == 0


def test_readings_are_shown(site: Site, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    JsonLines().reading(READING)
    assert msgspec.json.decode(capfdbinary.readouterr().out, type=Reading) == READING
    with capture_logs() as logs:
        LogLines().reading(READING)
    assert (logs[0]["event"], logs[0]["value"], logs[0]["unit"]) == ("reading", "12.4", "m³")
    assert "why" not in logs[0]
    terminal = Terminal(file=io.StringIO(), width=120)
    table = LiveTable(terminal, site.record, label_only=False, reads=True)
    table.reading(READING)
    table.reading(msgspec.structs.replace(READING, state="uncertain", value=None, why="it may be 1 or 2"))
    table.close()
    assert "12.4 m³" in table.render().plain
