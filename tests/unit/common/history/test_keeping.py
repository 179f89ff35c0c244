"""The keeper deletes what is too old, while others use the record."""

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from common.errors import ConfigurationError
from common.history import keeping
from common.history.keeping import Keeper
from common.service.settings import load_settings
from console.record.record import Record
from console.settings import ConsoleSettings
from tests.integration.fleet import wait_for
from tests.unit.console.record.test_record import labels, receipt

GIVEN = {"keys": Path("k"), "plans": [Path("p")], "state": Path("s")}


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    made = Record(tmp_path / "labels.sqlite")
    yield made
    made.close()


def test_it_deletes_what_is_older_than_it_is_to_keep(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "_PAUSE", 0.0)
    for number in range(1000):
        job, old = f"{number:08d}-0123456789abcdef", number < 995
        made = msgspec.structs.replace(receipt(2, job), recorded_at=time.time() - (7200 if old else 0))
        record.add("cam-a", "p", made, labels(2, job=job))
    keeper = Keeper([record], 3600.0)
    wait_for("the end of old labels", lambda: len(record.labels()) == 10)
    keeper.close()
    assert len(record.labels()) == 10


@pytest.mark.parametrize(("given", "wanted"), [("90d", 7_776_000), ("1s", 1), ("4w", 2_419_200), ("12h", 43_200)])
def test_how_long_to_keep_is_a_number_and_a_unit(given: str, wanted: float) -> None:
    assert load_settings(ConsoleSettings, None, {**GIVEN, "keep": given}).keep_seconds() == wanted


@pytest.mark.parametrize("wrong", ["0d", "90", "d", "-1d", "1.5d", "90 d", "1y", "9" * 10 + "w", "", "90d\n"])
def test_what_is_no_span_of_time_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match="keep"):
        load_settings(ConsoleSettings, None, {**GIVEN, "keep": wrong})


def test_labels_are_kept_for_ever_unless_told_otherwise() -> None:
    assert load_settings(ConsoleSettings, None, GIVEN).keep_seconds() is None
