"""The times of engines: those that ship, those of the machine, and files that aren't taken."""

from pathlib import Path

import msgspec
import pytest

from blindsight.measure.machine import save_costs
from common.errors import ConfigurationError
from common.plan.costs import costs_path, load_costs, shipped_costs
from common.plan.work import Rows, StageWork


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_without_a_file_those_that_ship_are_taken_for_either_engine() -> None:
    assert load_costs("native") == shipped_costs("native")
    assert load_costs("pyfhel") == shipped_costs("pyfhel") != shipped_costs()


def test_the_machines_own_are_taken_for_the_engines_that_it_measured() -> None:
    own = msgspec.structs.replace(shipped_costs("pyfhel"), wire=dict.fromkeys(shipped_costs().wire, 1.0))
    save_costs([own], costs_path())
    assert load_costs("pyfhel") == own
    assert load_costs("native") == shipped_costs("native")


@pytest.mark.parametrize("data", [b'{"rotate": {"4096": [0.3]}, "multiply": {"4096": [0.03]}}', b"[{}]", b"nonsense"])
def test_a_file_of_an_earlier_version_or_a_damaged_one_is_refused_with_the_fix(data: bytes) -> None:
    costs_path().parent.mkdir()
    costs_path().write_bytes(data)
    with pytest.raises(ConfigurationError, match=r"costs\.json can't be read.* earlier version .*blindsight calibrate"):
        load_costs("native")


def test_a_file_without_a_ring_is_refused() -> None:
    save_costs([msgspec.structs.replace(shipped_costs(), product={8192: 1.0})], costs_path())
    with pytest.raises(ConfigurationError, match="lacks times; run blindsight calibrate"):
        load_costs("native")


def test_rows_take_the_time_of_their_kind_and_a_giant_that_of_several_babies() -> None:
    costs = shipped_costs()
    assert costs.ms(Rows(transform=3, wire=2), 8192) == pytest.approx(
        (3 * costs.transform[8192] + 2 * costs.wire[8192]) / 1000
    )
    babies = [costs.stage_ms(StageWork(targets=1, hoists=1, babies=count), 8192, 2) for count in (1, 2)]
    giants = [costs.stage_ms(StageWork(targets=1, giants=count), 8192, 2) for count in (1, 2)]
    assert giants[1] - giants[0] > 4 * (babies[1] - babies[0])
