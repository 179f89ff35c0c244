"""The tables of `blindsight status` on a narrow terminal."""

import msgspec
import pytest
from rich.console import Console

from blindsight.site_status import Queues, Snapshot
from blindsight.status_command import render
from common.messages import Status
from common.registry import WorkerEntry

_NOW = 1e9
_BUSY = Status(
    "online",
    "i",
    started_at=_NOW - 12_345,
    model="digits",
    plan="0123456789abcdef",
    answered=1_234_567,
    pending=12_345,
    parked=678,
    alarms=90,
    oldest_pending_s=3723.0,
)


def shown(snapshot: Snapshot, before: Snapshot | None = None, width: int = 80) -> str:
    """The tables as a terminal of this width shows them."""
    console = Console(width=width)
    with console.capture() as captured:
        console.print(render(snapshot, before))
    return captured.get()


@pytest.fixture
def site() -> Snapshot:
    devices = {"cam-a": _BUSY, "gate-at-the-north-side-of-the-yard": _BUSY}
    workers = [
        WorkerEntry("worker@a-host-with-a-long-name", {"0123456789abcdef": "digits"}, 2, _NOW - 12_345, 1_234_567)
    ]
    return Snapshot(_NOW, devices, workers, Queues(2_000, 2_400_000_000, 9, {"digits 0123456789ab": 1_990}), [])


def test_no_state_and_no_number_is_cut_at_eighty_columns(site: Snapshot) -> None:
    earlier = {"cam-a": msgspec.structs.replace(_BUSY, answered=_BUSY.answered - 123)}
    text = shown(site, msgspec.structs.replace(site, at=_NOW - 1, devices=earlier))
    assert "…" not in text
    cells = next(line for line in text.splitlines() if line.strip().startswith("cam-a")).split()
    assert cells[0] == "cam-a"
    assert cells[2:] == ["online", "3h", "25m", "12,345", "1h", "2m", "1,234,567", "123.0", "678", "90"]
    assert "2,000" in text and "2400.0" in text and "1,990" in text


def test_a_long_name_folds_and_is_all_there(site: Snapshot) -> None:
    devices = shown(site).partition("worker")[0].splitlines()
    width = next(line.index("model") for line in devices if "model" in line)
    assert "gate-at-the-north-side-of-the-yard" in "".join(line[:width].strip() for line in devices)


@pytest.mark.parametrize("width", [80, 200])
def test_no_line_is_wider_than_the_terminal(site: Snapshot, width: int) -> None:
    assert max(map(len, shown(site, width=width).splitlines())) <= width
