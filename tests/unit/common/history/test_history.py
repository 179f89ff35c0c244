"""A history has each event once, never a lead, and what cards show; a file that others made or changed is refused."""

import sqlite3
import stat
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import HistoryError
from common.exports import exported
from common.history import pages
from common.history.history import History
from common.history.views import LabelFilter, LabelView, ReadingFilter
from common.publishing.events import Event
from console.record.record import Record
from tests.unit.common.history.events import DAY_ONE, first_of_each, history_of, label, labels, reading, readings

#: The tables of what is counted.
_COUNTED = ("label_hours", "label_days", "reading_hours", "reading_days")


@pytest.fixture
def history() -> Iterator[History]:
    with history_of() as history:
        yield history


def counted(history: History) -> list[list[tuple[object, ...]]]:
    return [history._db.rows(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in _COUNTED]


@given(st.lists(labels | readings(), max_size=30), st.lists(st.integers(0, 29), max_size=30))
@settings(deadline=None, max_examples=40)
@pytest.mark.slow
def test_events_that_come_again_change_nothing(events: list[Event], again: list[int]) -> None:
    with history_of(events) as history:
        before = [*history.all_labels(LabelFilter())], [*history.all_readings(ReadingFilter())], counted(history)
        version = history.version
        assert history.add([events[number] for number in again if number < len(events)]) == 0
        assert history.version == version
        after = [*history.all_labels(LabelFilter())], [*history.all_readings(ReadingFilter())], counted(history)
        assert after == before
        assert len(before[0]) + len(before[1]) == len(first_of_each(events))


def test_what_is_added_or_forgotten_is_a_new_version(history: History) -> None:
    versions = [history.version]
    for _ in range(2):
        history.add([label(len(versions))])
        versions.append(history.version)
    assert history.forget(DAY_ONE) == 0
    assert history.version == versions[-1]
    assert history.forget(DAY_ONE + 100) == 2
    assert len({*versions, history.version}) == 4


def test_no_lead_gets_into_the_file(history: History) -> None:
    history.add([label(1, DAY_ONE + 1.25, lead=0.123456789)])
    history.close()
    content = history._path.read_bytes()
    assert b"lead" not in content and struct.pack(">d", 0.123456789) not in content
    assert struct.pack(">d", DAY_ONE + 1.25) in content  # as SQLite writes numbers


def test_a_label_without_capture_time_is_at_that_of_its_bridge_and_its_readings_are_too(history: History) -> None:
    history.add([label(1, 5.0, captured_at=None, received_at=7.0, recorded_at=9.0)])
    history.add([msgspec.structs.replace(reading(1), captured_at=None)])
    (seen,) = history.labels(LabelFilter(), None, 10).items
    (read,) = history.readings(ReadingFilter(), None, 10).items
    assert (seen.at, seen.recorded_at, read.at, read.recorded_at) == (7.0, 9.0, 7.0, 9.0)


def test_times_of_broken_clocks_are_bounded(history: History) -> None:
    history.add([label(1, -5.0), label(2, 1e18, recorded_at=1e300), label(3, 5.0)])
    assert [view.at for view in history.all_labels(LabelFilter(order="oldest"))] == [0.0, 5.0, 1e11]
    assert sum(sum(each.counts.values()) for each in history.label_plot(LabelFilter(), 10).buckets) == 3


def test_a_card_has_the_last_label_and_the_last_reading_of_each_name(history: History) -> None:
    history.add([label(1), label(2, label="dog"), label(3, DAY_ONE - 5), label(1, device="cam-b")])
    history.add([reading(1), reading(2, state="corrected"), reading(3, name="gas"), reading(4, DAY_ONE - 5)])
    names = ["cam-a", "cam-b", "cam-z"]
    assert history.devices() == ["cam-a", "cam-b"]
    assert {name: view.label for name, view in history.last_labels(names).items()} == {"cam-a": "dog", "cam-b": "cat"}
    last = history.last_readings(names)
    assert list(last) == ["cam-a"]
    assert [(view.name, view.state, view.value) for view in last["cam-a"]] == [
        ("gas", "good", "3.5"),
        ("water", "corrected", "2.5"),
    ]


def test_a_spark_has_the_labels_of_each_of_sixty_minutes_the_oldest_first(history: History) -> None:
    now = DAY_ONE + 0.5
    ages = (0.0, 0.4, 60.0, 60.1, 3599.9, 3600.0, 3600.5, -1.0)
    history.add([label(number, now - age) for number, age in enumerate(ages)])
    spark = history.sparks(["cam-a", "cam-b"], now)
    # What is now isn't before now, and the first moment of a minute is its own.
    assert spark == {"cam-a": (2, *(0,) * 57, 1, 2), "cam-b": (0,) * 60}


def test_what_is_forgotten_leaves_nothing_not_even_its_names(history: History) -> None:
    history.add([label(1, DAY_ONE - 100), label(2, device="cam-b", label="dog"), reading(1, DAY_ONE - 100)])
    assert history.forget(DAY_ONE - 50) == 2  # a reading is as old as the labels of its picture
    assert history.devices() == ["cam-b"]
    assert history._db.rows("SELECT label FROM label_kinds") == [("dog",)]
    assert history._db.rows("SELECT * FROM reading_kinds") == []
    assert history.forget(4e9) == 1
    assert history.devices() == [] and not any(counted(history))
    history.add([label(2, device="cam-b")])
    assert history.devices() == ["cam-b"]


def test_a_plot_is_of_one_moment_whatever_is_forgotten_meanwhile(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    history.add([label(1), reading(1)])

    def choose(*question: Any) -> object:
        found = pages.choose(*question)
        assert history.forget(4e9) == 2
        history.add([label(1), reading(1)])
        history.forget(4e9)
        return found

    monkeypatch.setattr("common.history.plots.choose", choose)
    (point,) = history.reading_plot(ReadingFilter("cam-a", "water"), 10).points
    assert (point.value, history.devices()) == (1.5, [])


def test_a_filter_is_exported_without_leads_in_any_format(history: History) -> None:
    history.add([label(number, device=f"cam-{'ab'[number % 2]}", source="=1+1") for number in range(6)])
    lines = b"".join(exported(history.all_labels(LabelFilter("cam-a", order="oldest")), LabelView, "jsonl"))
    found = [msgspec.json.decode(line, type=LabelView) for line in lines.splitlines()]
    assert [view.counter for view in found] == [0, 2, 4]
    text = b"".join(exported(found, LabelView, "csv")).decode()
    assert text.startswith('"device","job","counter","label","at"') and '"\'=1+1"' in text and "lead" not in text


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    history = History(tmp_path / "history.sqlite")
    history.add([label(1)])
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    history.close()


def rubbish(path: Path) -> None:
    path.write_text("my shopping list\n" * 100)


def changed(statement: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        history = History(path)
        history.add([label(1), reading(1)])
        history.close()
        with sqlite3.connect(path) as db:
            db.execute(statement)
        db.close()

    return change


@pytest.mark.parametrize(
    "make",
    [
        rubbish,
        changed("UPDATE labels SET at = 'today'"),
        changed("UPDATE labels SET job = x'00'"),
        changed("UPDATE label_hours SET frames = 9223372036854775807"),
        changed("UPDATE reading_days SET last = 1e999"),
        changed("UPDATE reading_kinds SET state = 'strange'"),
        changed("UPDATE cursor_key SET key = x'00'"),
        changed("INSERT INTO cursor_key SELECT key FROM cursor_key"),
        changed("DELETE FROM filled"),
        changed("DROP TABLE label_days"),
        changed("ALTER TABLE labels ADD COLUMN lead REAL"),
    ],
)
def test_a_file_that_is_damaged_or_was_changed_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "history.sqlite")
    with pytest.raises(HistoryError, match=r"history .* is damaged .*without the labels and readings in it"):
        History(tmp_path / "history.sqlite")


def test_a_record_is_no_history_and_a_later_version_is_refused(tmp_path: Path) -> None:
    Record(tmp_path / "labels.sqlite").close()
    with pytest.raises(HistoryError, match="another program's database"):
        History(tmp_path / "labels.sqlite")
    changed("PRAGMA user_version = 2")(tmp_path / "history.sqlite")
    with pytest.raises(HistoryError, match="update Blindsight"):
        History(tmp_path / "history.sqlite")
