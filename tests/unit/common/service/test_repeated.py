"""However much rubbish comes, the log has few lines about it, and they say how much there was."""

from typing import Any

import pytest

from common.service import repeated
from common.service.repeated import RepeatedLines

Line = dict[str, Any]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(repeated.time, "monotonic", lambda: now[0])
    return now


def test_a_flood_of_one_device_is_a_line_every_few_seconds_and_others_have_theirs(clock: list[float]) -> None:
    said: list[Line] = []

    def write(event: str, **details: object) -> None:
        said.append({"event": event, **details})

    lines = RepeatedLines()
    for number in range(1000):
        lines.say(write, "refused", "cam-a", "busy", job=number, exc_info=True)
    lines.say(write, "refused", "cam-b", "busy", job=7)
    lines.say(write, "refused", "cam-a", "malformed", job=8)
    assert said == [
        {"event": "refused", "device": "cam-a", "job": 0, "exc_info": True},
        {"event": "refused", "device": "cam-b", "job": 7},
        {"event": "refused", "device": "cam-a", "job": 8},
    ]
    said.clear()
    clock[0] += 6
    lines.tick()
    lines.tick()
    assert said == [{"event": "refused", "device": "cam-a", "more_like_this": 999, "job": 999}]
    clock[0] += 6
    lines.tick()
    lines.say(write, "refused", "cam-a", "busy", job=1000)
    assert said[1:] == [{"event": "refused", "device": "cam-a", "job": 1000}]


def test_as_many_devices_as_one_likes_take_no_more_lines_and_memory(clock: list[float]) -> None:
    said: list[str] = []
    lines = RepeatedLines()
    for number in range(100_000):
        lines.say(lambda event, device: said.append(device), "refused", f"cam-{number}")
    assert len(said) == 1001
    assert said[-1] == "of many"
