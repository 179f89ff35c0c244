"""Keys scroll, filter and order a list of devices."""

import pytest
from rich.text import Text

from common.terminal.browsing import Browser, Device
from common.terminal.columns import Column
from common.terminal.listing import list_devices
from common.wire.status import Status

DEVICES = [
    Device(
        f"cam-{number}", Status("offline" if number == 7 else "online", "i", 0.0, pending=number), alarms=number == 9
    )
    for number in range(20)
] + [Device("Gate-1", None)]


def names(browser: Browser) -> list[str]:
    """Those on a page of five."""
    _, *rows, _ = list_devices(DEVICES, [Column("name")], lambda device: [Text(device.name)], browser, 200, 7)
    return [line.plain for line in rows]


def press(browser: Browser, *keys: str) -> list[str]:
    for key in keys:
        browser.press(key)
    return names(browser)


def test_pages_scroll_and_end_at_the_last_row() -> None:
    browser = Browser(order="name")
    first = names(browser)
    assert first == ["Gate-1", "cam-0", "cam-1", "cam-10", "cam-11"]
    assert press(browser, "down")[0] == "cam-0"
    assert press(browser, "page down")[0] == "cam-13"
    assert press(browser, "end", "down", " ") == ["cam-5", "cam-6", "cam-7", "cam-8", "cam-9"]
    assert press(browser, "up")[0] == "cam-4"
    assert press(browser, "page up", "page up", "page up", "page up") == first
    assert press(browser, "end", "home") == first


def test_a_filter_is_a_part_or_a_pattern_and_is_typed() -> None:
    browser = Browser(order="name")
    names(browser)
    assert press(browser, "end", "/", "G", "a", "x", "backspace") == ["Gate-1"]
    assert "/Ga_" in browser.help()
    assert press(browser, "enter", "s", "o") == []  # keys again: the one that was never heard of isn't online
    assert press(browser, "escape")[0] == "cam-19"  # all of them, by what is pending
    assert press(browser, "/", "*", "-", "1", "?", "enter", "end")[-1] == "cam-10"
    assert press(browser, "/", "escape", "home")[0] == "cam-19"
    browser.press("/")
    for _ in range(1000):
        browser.press("x")
    assert len(browser.filter) == 64


@pytest.mark.parametrize(
    ("order", "first"),
    [
        ("trouble", ["cam-9", "cam-7", "Gate-1"]),
        ("pending", ["cam-19", "cam-18", "cam-17"]),
        ("parked", ["Gate-1", "cam-0", "cam-1"]),
    ],
)
def test_orders(order: str, first: list[str]) -> None:
    assert names(Browser(order=order))[:3] == first  # type: ignore[arg-type]


def test_keys_go_through_orders_and_states() -> None:
    browser = Browser()
    seen = []
    for _ in range(4):
        browser.press("s")
        browser.press("o")
        browser.press("nonsense")
        seen.append((browser.order, browser.state))
    assert seen == [("name", "online"), ("pending", "offline"), ("parked", None), ("trouble", "online")]


def test_rows_of_two_lines_are_shown_whole_also_at_the_end() -> None:
    long = [Device(f"{number:064d}", None) for number in range(10)]
    browser = Browser()

    def page(*keys: str) -> list[str]:
        for key in keys:
            browser.press(key)
        columns = [Column("name"), Column("state")]
        lines = list_devices(long, columns, lambda device: [Text(device.name), Text("on")], browser, 60, 9)
        assert len(lines) <= 9
        return [str(int(line.plain)) for line in lines if line.plain.isdigit()]

    assert page() == ["0", "1", "2"]
    assert page("page down") == ["3", "4", "5"]
    assert page("end") == ["7", "8", "9"]
    assert page("page up") == ["4", "5", "6"]
    assert page("/", "9") == ["9"]
    assert page("escape", "end") == ["7", "8", "9"]
