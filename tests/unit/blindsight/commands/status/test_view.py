"""The tables of `blindsight status`: all devices can be seen, on any terminal, and nothing is cut."""

import msgspec
import pytest
from rich.console import Console

from blindsight.commands.status.view import render
from blindsight.measure.site_status import Queues, Snapshot
from common.fleet.registry import WorkerEntry
from common.terminal.browsing import Browser
from common.wire.status import Status

_NOW = 1e9
_PLAN = "0123456789abcdef"
_BUSY = Status(
    "online",
    "i",
    started_at=_NOW - 12_345,
    model="digits",
    plan=_PLAN,
    answered=1_234_567,
    pending=12_345,
    parked=678,
    alarms=90,
    oldest_pending_s=3723.0,
)
#: The longest that a device can have.
_LONG = "gate-at-the-north-side-of-the-yard-behind-the-old-machine-hall-0"


def shown(snapshot: Snapshot, before: Snapshot | None = None, width: int = 80, height: int | None = None, **view: str):
    """The tables as a terminal of this size shows them, line by line."""
    console = Console(width=width, height=height)
    browser = Browser(**view)  # type: ignore[arg-type]
    with console.capture() as captured:
        console.print(render(snapshot, before, browser, width, height))
    return captured.get().splitlines()


def row(lines: list[str], name: str) -> list[str]:
    return next(line for line in lines if line.startswith(name)).split()


@pytest.fixture
def site() -> Snapshot:
    devices = {"cam-a": _BUSY, _LONG: _BUSY}
    models = {f"{number:02d}{_PLAN}": f"model-{number}" for number in range(30)}
    workers = [WorkerEntry("worker@a-host-with-a-long-name", models, 2, _NOW - 12_345, 1_234_567)]
    queues = Queues(2_000, 2_400_000_000, 9, {f"model-{number} {_PLAN[:12]}": number for number in range(30)})
    return Snapshot(_NOW, devices, workers, queues, [])


def test_a_device_whose_camera_gives_no_pictures_is_told_apart(site: Snapshot) -> None:
    blind = msgspec.structs.replace(_BUSY, no_picture_since=_NOW - 60)
    gone = msgspec.structs.replace(blind, state="offline")
    lines = shown(msgspec.structs.replace(site, devices={"cam-a": blind, "cam-b": gone}), width=100)
    assert row(lines, "cam-a")[1:3] == ["no", "pictures"]
    assert row(lines, "cam-b")[1] == "offline"


def test_devices_that_keep_frames_as_pictures_are_counted(site: Snapshot) -> None:
    keeping = msgspec.structs.replace(_BUSY, keeps_frames=True)
    lines = shown(msgspec.structs.replace(site, devices={"cam-a": keeping, "cam-b": _BUSY}), width=120)
    assert "1 with frames kept as pictures" in " ".join(lines)
    assert "kept as pictures" not in " ".join(shown(site))


def test_every_column_stands_where_there_is_room(site: Snapshot) -> None:
    site = msgspec.structs.replace(site, devices={"cam-a": _BUSY})
    earlier = {"cam-a": msgspec.structs.replace(_BUSY, answered=_BUSY.answered - 123)}
    lines = shown(site, msgspec.structs.replace(site, at=_NOW - 1, devices=earlier), width=100)
    header, cells = (
        "device state pending oldest answered /s parked alarms up model",
        "12,345 1h 2m 1,234,567 123.0 678 90",
    )
    assert row(lines, "device") == header.split()
    assert row(lines, "cam-a") == f"cam-a online {cells} 3h 25m digits 0123456789ab".split()
    assert row(lines, "waiting")[4:] == ["2,000", "2,400.0", "0.0"]


@pytest.mark.parametrize("height", [None, 24])
@pytest.mark.parametrize("width", [80, 200])
def test_no_word_and_no_number_is_cut(site: Snapshot, width: int, height: int | None) -> None:
    lines = shown(site, site, width, height)
    assert max(map(len, lines)) <= width
    numbers = ["12,345", "678", "90", "1,234,567", "2,000", "2,400.0"]
    models = [f"model-{number}" for number in range(30)]
    words = {word.rstrip(",") for line in lines for word in line.split()}
    assert words >= {_LONG, "worker@a-host-with-a-long-name", *numbers, *models[: 30 if height is None else 3]}
    assert {word for word in words if "-" in word[:8] or "@" in word} <= {
        _LONG,
        "cam-a",
        "worker@a-host-with-a-long-name",
        *models,
        "1–2",
    }


def test_where_it_is_narrow_what_matters_less_goes_and_is_named(site: Snapshot) -> None:
    lines = shown(msgspec.structs.replace(site, devices={"n" * 32: _BUSY, _LONG: _BUSY}))
    assert row(lines, "device") == ["device", "state", "pending", "oldest", "answered", "parked", "alarms"]
    assert "no room for /s, up, model" in lines
    assert lines[lines.index(_LONG) + 1].split()[0] == "online"  # its row is below


def test_numbers_that_a_hostile_device_chose_take_no_more_room(site: Snapshot) -> None:
    status = Status("online", "i", 1e308, "\x1b[2J" * 1000, "p", pending=10**300, answered=-5, parked=99_999_999)
    lines = shown(msgspec.structs.replace(site, devices={"cam-a": status}), width=200)
    assert row(lines, "cam-a")[:7] == ["cam-a", "online", "1000.0T", "0s", "0", "100.0M", "0"]
    assert "\x1b" not in "".join(lines)


def test_worker_and_redis_that_are_not_there_are_said() -> None:
    lines = shown(Snapshot(_NOW, {}, [], None, ["no Redis at redis://127.0.0.1:1/0; give --redis-url"]))
    assert lines[:2] == [
        "no Redis at redis://127.0.0.1:1/0; give --redis-url",
        "0 devices: 0 online, 0 offline; 0 with alarms, 0 with dead letters",
    ]
    assert "none; start one with: blindsight worker" in lines


class TestManyDevices:
    """Five thousand, and a terminal of 24 lines."""

    @pytest.fixture
    def many(self) -> Snapshot:
        calm = msgspec.structs.replace(_BUSY, parked=0, alarms=0)
        devices = {f"cam-{number:04d}": calm for number in range(5000)}
        devices["cam-1000"] = msgspec.structs.replace(calm, alarms=1)
        devices["cam-2000"] = msgspec.structs.replace(calm, state="offline")
        devices["cam-3000"] = msgspec.structs.replace(calm, parked=1)
        return Snapshot(_NOW, devices, [], Queues(0, 0, 0, {}), [])

    @pytest.mark.slow
    def test_all_are_listed_where_nobody_watches(self, many: Snapshot) -> None:
        assert sum(line.startswith("cam-") for line in shown(many)) == 5000

    def test_trouble_comes_first_and_the_rest_is_counted(self, many: Snapshot) -> None:
        lines = shown(many, height=24)
        assert len(lines) <= 24
        assert lines[0] == "5,000 devices: 4,999 online, 1 offline; 1 with alarms, 1 with dead letters"
        names = [line.split()[0] for line in lines if line.startswith("cam-")]
        assert names[:4] == ["cam-1000", "cam-2000", "cam-3000", "cam-0000"]
        assert any(f"1–{len(names)} of 5,000" in line for line in lines)

    def test_only_what_is_asked_for_is_shown(self, many: Snapshot) -> None:
        names = [line.split()[0] for line in shown(many, filter="cam-*77", order="name") if line.startswith("cam-")]
        assert names == [f"cam-{number:02d}77" for number in range(50)]
        assert [row(shown(many, state="offline"), "cam-")[0]] == ["cam-2000"]

    def test_no_row_is_made_that_is_not_shown(self, many: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
        made: list[str] = []
        device = render.__globals__["_device"]
        monkeypatch.setitem(render.__globals__, "_device", lambda name, *rest: made.append(name) or device(name, *rest))
        shown(many, height=24)
        assert len(made) <= 24
