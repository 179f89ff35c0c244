"""What passes by a key holder is remembered, within bounds, and counted."""

import time

import pytest

from blindsight.web.parts import live as live_module
from blindsight.web.parts.devices import page_of_alarms, page_of_devices, view_of
from blindsight.web.parts.live import Live, Seen, stage_times
from common.wire.messages import ErrorReply
from common.wire.status import Status
from web.site import AlarmView, Condition, StageTime, WorkerView

JOB = "00000012-0123456789abcdef"


def status(state: str = "online", **counts: int) -> Status:
    return Status(state, "i", 1000.0, "digits", "p" * 64, "k" * 64, **counts)  # type: ignore[arg-type]


def test_a_device_that_was_there_before_us_is_online_since_it_was_started() -> None:
    live = Live()
    live.take_status("cam-1", status())
    assert view_of("cam-1", live, "site").since == 1000.0


def test_a_device_that_goes_is_offline_since_now() -> None:
    live = Live()
    live.take_status("cam-1", status())
    live.take_status("cam-1", status("offline"))
    view = view_of("cam-1", live, "site")
    assert view.online is False
    assert view.since == pytest.approx(time.time(), abs=60)


def test_a_device_that_was_gone_before_us_is_offline_since_nobody_knows_when() -> None:
    live = Live()
    live.take_status("cam-1", status("offline"))
    assert view_of("cam-1", live, "site").since is None


def test_a_device_s_numbers_are_those_of_its_status() -> None:
    live = Live()
    live.take_status("cam-1", status(accepted=9, answered=5, pending=3, parked=1))
    view = view_of("cam-1", live, "site")
    assert (view.accepted, view.answered, view.pending, view.parked) == (9, 5, 3, 1)
    assert (view.model, view.custody) == ("digits", "site")


def test_of_a_device_that_told_nothing_only_its_name_is_known() -> None:
    view = view_of("cam-9", Live(), "")
    assert (view.device, view.online, view.accepted) == ("cam-9", None, None)


def test_a_device_that_was_told_to_come_later_is_limited_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    live = Live()
    live.take_refusal("cam-1", ErrorReply(1, JOB, "busy", "too many"))
    live.take_refusal("cam-2", ErrorReply(1, JOB, "unknown-key", ""))
    assert live.limited("cam-1")
    assert not live.limited("cam-2")
    later = time.monotonic() + 60
    monkeypatch.setattr(live_module.time, "monotonic", lambda: later)
    assert not live.limited("cam-1")


def test_workers_are_known_by_what_they_answered() -> None:
    live = Live()
    live.take_worker("w-2", "p1", 3)
    live.take_worker("w-1", "p1", 1)
    live.take_worker("w-2", "p2", 4)
    assert live.workers({"p1": "digits"}) == (
        WorkerView("w-1", {"p1": "digits"}, None, None, 1),
        WorkerView("w-2", {"p1": "digits", "p2": ""}, None, None, 7),
    )


def test_names_of_workers_that_nobody_proves_fill_no_memory() -> None:
    live = Live()
    for number in range(2000):
        live.take_worker(f"w-{number}", "p", 1)
    assert len(live.workers({})) == 1000


def test_frames_of_the_last_minute_are_counted() -> None:
    live = Live()
    now = time.time()
    live.take_burst(Seen(now - 300, {}, 1000))
    for _ in range(30):
        live.take_burst(Seen(now, {}, 4))
    assert live.frames_per_second() == 2.0


def test_stages_are_told_in_the_order_of_their_way() -> None:
    bursts = [{"queue": seconds, "evaluate": 2 * seconds} for seconds in (0.1, 0.2, 0.3)]
    assert stage_times(bursts) == (StageTime("queue", 200.0, 290.0), StageTime("evaluate", 400.0, 580.0))
    assert stage_times([]) == ()


def test_clocks_that_disagree_make_no_negative_times() -> None:
    assert stage_times([{"uplink": -5.0}]) == (StageTime("uplink", 0.0, 0.0),)


@pytest.mark.parametrize("take", ["status", "burst", "alarm", "refusal", "touch"])
def test_whatever_comes_changes_the_version(take: str) -> None:
    live = Live()
    before = live.version
    match take:
        case "status":
            live.take_status("cam-1", status())
        case "burst":
            live.take_burst(Seen(0.0, {}, 1))
        case "alarm":
            live.take_alarm(AlarmView("cam-1", JOB, 12, "a", "b", "w", 0.0))
        case "refusal":
            live.take_refusal("cam-1", ErrorReply(1, JOB, "busy", ""))
        case "touch":
            live.touch()
    assert live.version > before


def test_the_last_alarms_come_first_and_page_by_page() -> None:
    live = Live()
    for number in range(5):
        live.take_alarm(AlarmView(f"cam-{number % 2}", JOB, number, "a", "b", "w", 1000.0 + number))
    page = page_of_alarms(live, "", None, 3)
    assert [alarm.counter for alarm in page.items] == [4, 3, 2]
    assert [alarm.counter for alarm in page_of_alarms(live, "", page.next_cursor, 3).items] == [1, 0]
    assert [alarm.counter for alarm in page_of_alarms(live, "cam-1", None, 9).items] == [3, 1]


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ("all", ["cam-1", "cam-2", "cam-3", "cam-4"]),
        ("online", ["cam-1", "cam-3"]),
        ("offline", ["cam-2"]),
        ("alarm", ["cam-3"]),
        ("parked", ["cam-2"]),
        ("limited", ["cam-1"]),
    ],
)
def test_devices_are_chosen_by_their_condition(condition: Condition, names: list[str]) -> None:
    live = Live()
    live.take_status("cam-1", status())
    live.take_status("cam-2", status("offline", parked=2))
    live.take_status("cam-3", status(alarms=1))
    live.take_refusal("cam-1", ErrorReply(1, JOB, "busy", ""))
    known = ["cam-4", *live.devices()]
    page = page_of_devices(known, lambda name: view_of(name, live, "site"), "", condition, None, 10)
    assert [view.device for view in page.items] == names


def test_devices_come_in_pages_and_by_parts_of_their_names() -> None:
    names = [f"Gate-{number}" for number in range(5)] + ["yard"]
    live = Live()
    found, cursor = [], None
    while True:
        page = page_of_devices(names, lambda name: view_of(name, live, ""), "gate", "all", cursor, 2)
        found.append([view.device for view in page.items])
        if (cursor := page.next_cursor) is None:
            break
    assert found == [["Gate-0", "Gate-1"], ["Gate-2", "Gate-3"], ["Gate-4"]]
