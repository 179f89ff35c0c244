"""A console's history has what its record had before, with regions and groups, and misses nothing of between."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import structlog

from common.history.history import History
from common.history.views import LabelFilter, LabelView, ReadingFilter
from common.label_groups import read_groups
from common.publishing.events import FrameLabel
from common.readings.meters import Meters
from common.readings.reader import Taken
from common.readings.reading import Reading
from common.wire.messages import Receipt
from console.record import filling
from console.record.filling import Filler, steps
from console.record.record import Check, Record
from tests.integration.fleet import wait_for
from tests.unit.console.test_readings import LAYOUT

GROUPS = read_groups(["number=seven,eight"])


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    made = Record(tmp_path / "labels.sqlite")
    yield made
    made.close()


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    made = History(tmp_path / "history.sqlite")
    yield made
    made.close()


def add(record: Record, numbers: range, device: str = "cam-a") -> None:
    """Bursts of two labels and a reading, recorded a second apart."""
    for number in numbers:
        job, at = f"{number:08d}-0123456789abcdef", 1000.0 + number
        receipt = Receipt(1, job, 3, at - 4, at - 3, at - 2, at - 1, at)
        labels = [FrameLabel(device, job, number + n, "seven", at - 4, at, 0.5, at - 5 + n / 4) for n in range(2)]
        read = Reading(device, "water", job, at - 5, "good", f"{number}", "m³", 0.99)
        checks = [Check(device, job, number + 2, "one", "two", "w")]
        record.add(device, "p" * 64, receipt, labels, checks, Taken(device, [read], {}))


def fill(tmp_path: Path, history: History, meters: Meters | None = None) -> None:
    """Fill the history until the record has no more."""
    before = history.filled_to()
    filler = Filler(tmp_path / "labels.sqlite", history, meters or Meters(), GROUPS)
    wait_for("the history to be filled", lambda: history.filled_to() > before)
    filler.close()


def test_a_history_that_begins_gets_all_that_is_recorded_and_no_lead(
    record: Record, history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "_BURSTS", 7)
    add(record, range(0, 100, 2))
    fill(tmp_path, history)
    expected = [
        LabelView(each.device, each.job, each.counter, "seven", each.captured_at or 0.0, each.recorded_at, "number")
        for each in record.labels()
    ]
    assert list(history.all_labels(LabelFilter(order="oldest"))) == expected
    found = list(history.all_readings(ReadingFilter(order="oldest")))
    assert [(view.value, view.recorded_at - view.at) for view in found] == [(f"{n}", 5.0) for n in range(0, 100, 2)]
    assert history.filled_to() == 1098.0


def test_the_newest_come_first_and_a_few_at_a_time(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "_BURSTS", 2)
    add(record, range(0, 10, 2))
    times = [step.newest for step in steps(tmp_path / "labels.sqlite", 0.0, Meters(), GROUPS)]
    assert times == [1008.0, 1004.0, 1000.0]
    monkeypatch.setattr(filling, "_FRAMES", 3)  # which is what a burst has
    times = [step.newest for step in steps(tmp_path / "labels.sqlite", 0.0, Meters(), GROUPS)]
    assert times == [1008.0, 1006.0, 1004.0, 1002.0, 1000.0]
    monkeypatch.setattr(filling, "_FRAMES", 1000)
    again = [step.newest for step in steps(tmp_path / "labels.sqlite", 1004.0, Meters(), GROUPS)]
    assert again == [1008.0, 1004.0]


def test_what_was_recorded_while_no_history_was_kept_comes_later_and_what_is_there_stays_once(
    record: Record, history: History, tmp_path: Path
) -> None:
    add(record, range(0, 10, 2))
    fill(tmp_path, history)
    label = record.labels()[0]
    assert history.add([msgspec.structs.replace(label, lead=None)]) == 0
    add(record, range(10, 20, 2))
    fill(tmp_path, history)
    assert [view.counter for view in history.all_labels(LabelFilter(order="oldest"))] == list(range(20))


def test_earlier_labels_have_the_regions_of_the_region_file_where_their_number_fits(
    record: Record, history: History, tmp_path: Path
) -> None:
    job, regions = "00000000-0123456789abcdef", LAYOUT.regions
    labels = [FrameLabel("cam-a", job, number, "one", 1.0, 5.0) for number in range(len(regions))]
    record.add("cam-a", "p" * 64, Receipt(1, job, len(labels), 1.0, 2.0, 3.0, 4.0, 5.0), labels)
    add(record, range(100, 102, 2))
    fill(tmp_path, history, Meters(LAYOUT))
    found = [(view.region, view.group) for view in history.all_labels(LabelFilter(end=900.0, order="oldest"))]
    assert found == [(region, "") for region in regions]
    assert {view.region for view in history.all_labels(LabelFilter(start=900.0))} == {""}


def test_a_record_that_cannot_be_read_is_told_and_ends_nothing(history: History, tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "labels.sqlite")
    db.execute("CREATE TABLE shopping (what TEXT)")
    db.close()
    with structlog.testing.capture_logs() as logs:
        filler = Filler(tmp_path / "labels.sqlite", history, Meters(), GROUPS)
        wait_for("a word", lambda: logs)
        filler.close()
    assert "another program's database" in logs[0]["reason"]
    assert [each for each in threading.enumerate() if each.name == "fill"] == []


def test_it_ends_between_two_steps(
    record: Record, history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "_BURSTS", 1)
    monkeypatch.setattr(filling, "_PAUSE", 60.0)
    add(record, range(0, 10, 2))
    filler = Filler(tmp_path / "labels.sqlite", history, Meters(), GROUPS)
    wait_for("a step", lambda: history.version > 0)
    filler.close()
    assert len(list(history.all_labels(LabelFilter()))) == 2 and history.filled_to() == 0.0
