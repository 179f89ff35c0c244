"""`auto` doubles the frames in a ciphertext while that pays and fits; other numbers are taken as they are."""

import msgspec
import pytest

from common.errors import CapacityError, ConfigurationError
from common.plan.plan import Plan
from models import batching
from models.batching import choose_plan, parse_frames
from models.plans import get_plan

DIGITS = get_plan("digits", 128)


def chosen(
    monkeypatch: pytest.MonkeyPatch, ms: list[float], uploads: list[int] | None = None, weights: list[int] | None = None
) -> tuple[int, list[int]]:
    """The number of frames chosen, and those tried, where 1, 2, 4, … frames cost so much; beyond there is no room."""
    tried: list[int] = []

    def compile_for(frames: int) -> Plan:
        if frames >= 2 ** len(ms):
            raise CapacityError("no room")
        return Plan(msgspec.structs.replace(DIGITS.head, frames_per_ciphertext=frames), DIGITS.stages)

    def of(values: list, default: float):
        return lambda frames: values[frames.bit_length() - 1] if values else default

    monkeypatch.setattr(batching, "plan_ms", lambda plan, _: of(ms, 0)(plan.head.frames_per_ciphertext))
    monkeypatch.setattr(batching, "upload_bytes", lambda head: of(uploads or [], 1)(head.frames_per_ciphertext))
    monkeypatch.setattr(batching, "weight_bytes", lambda plan: of(weights or [], 1)(plan.head.frames_per_ciphertext))
    plan = choose_plan(compile_for, lambda plan: tried.append(plan.head.frames_per_ciphertext))
    return plan.head.frames_per_ciphertext, tried


def test_doubles_while_a_frame_gets_cheaper(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen(monkeypatch, [100, 120, 160, 310, 500]) == (4, [1, 2, 4, 8])


def test_ends_where_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen(monkeypatch, [100, 120, 160]) == (4, [1, 2, 4])


def test_a_burst_has_to_stay_within_64_mb(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen(monkeypatch, [100, 100, 100, 100], uploads=[1, 64_000_000, 64_000_001, 1]) == (2, [1, 2, 4])


def test_the_weights_have_to_stay_within_1_gb(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen(monkeypatch, [100, 100, 100, 100], weights=[1, 10**9, 10**9 + 1, 1]) == (2, [1, 2, 4])


def test_one_frame_is_the_least(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen(monkeypatch, [100, 300], uploads=[10**9, 10**9]) == (1, [1, 2])


@pytest.mark.parametrize(("text", "frames"), [("auto", None), ("1", 1), ("64", 64), ("16384", 16384)])
def test_takes_powers_of_two_and_auto(text: str, frames: int | None) -> None:
    assert parse_frames(text) == frames


@pytest.mark.parametrize("text", ["0", "3", "-4", "many", "", "32768", "4.0", "9" * 50, "٤"])
def test_other_numbers_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="a power of two from 1 to 16384"):
        parse_frames(text)
