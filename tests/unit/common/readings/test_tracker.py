"""Readings over time: what users of meter readers report again and again doesn't happen."""

from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.readings.packing import pack, unpack
from common.readings.tracker import Track
from tests.unit.common.readings.wheels import Camera, scores, values

#: Pictures in a day, one every ten minutes; and in half a day, after which a wheel is known to have been right.
DAY, HALF_A_DAY = 144, 72


@pytest.fixture
def camera() -> Camera:
    """One whose meter has shown 00199 for half a day."""
    made = Camera()
    made.track, made.at = _half_a_day()
    return made


@cache
def _half_a_day() -> tuple[Track | None, float]:
    camera = Camera()
    camera.see("00199", times=HALF_A_DAY)
    return camera.track, camera.at


def test_a_reading_is_published_from_the_second_picture_on() -> None:
    first, *others = Camera().see("00123", times=4)
    assert (first.state, first.value) == ("uncertain", None)
    assert "one picture alone" in first.why
    assert [(each.state, each.value, each.why) for each in others] == [("good", "123", "")] * 3


def test_a_meter_that_counts_is_followed() -> None:
    found = Camera(decimals=1).see(*[f"{count:05d}" for count in range(9990, 10012)])
    assert values(found)[1:] == [f"{count / 10:.1f}" for count in range(9991, 10012)]


@pytest.mark.slow
def test_an_early_wheel_is_not_read_one_too_high(camera: Camera) -> None:
    found = camera.see("002bb", "00299", "00299", "00200", "00200", "00201", "00201")
    assert {each.value for each in found} <= {None, "199", "200", "201"}
    assert found[-1].value == "201"


def test_a_digit_that_stood_for_long_still_tells_counts_apart_when_the_meter_goes_on() -> None:
    camera = Camera(wheels=4, minutes=5.0, max_rate=3000.0)
    camera.see("0361", times=20)
    camera.see("0387")
    assert camera.track is not None
    units, shares = camera.track.belief.units()
    assert shares[units == 487].sum() < 0.03


def test_a_misread_digit_that_persists_is_not_believed_because_time_passes(camera: Camera) -> None:
    found = camera.see("00799", times=6)
    assert set(values(found)) <= {None, "199"}
    assert any("d3 looks like 7" in each.why for each in found)
    assert values(camera.see("00199", times=2)) == ["199", "199"]


def test_a_digit_that_is_misread_once_leaves_no_doubt_in_the_next_picture(camera: Camera) -> None:
    """However often the right one had been seen before."""
    assert set(values(camera.see("00399"))) <= {None, "199"}
    assert values(camera.see("00199", times=2)) == ["199", "199"]


def test_the_next_picture_is_right_after_one_that_was_wrong_throughout(camera: Camera) -> None:
    assert set(values(camera.see("07831"))) <= {None, "199"}
    assert values(camera.see("00199")) == ["199"]


def test_a_fast_last_wheel_that_stands_between_two_digits_is_believed_late() -> None:
    """A network that is wrong about the two digits stays wrong, and nothing else tells where the wheel stands."""
    camera = Camera(wheels=4, minutes=5.0, max_rate=3000.0)
    camera.see("0361", times=10)
    camera.see("0372")
    between = scores("038b")
    between[-1, [6, 7]] = 4.0
    assert values([camera.take(between) for _ in range(4)]) == [None] * 4
    assert values(camera.see("0387", times=2)) == ["387", "387"]


@pytest.mark.slow
def test_glare_over_two_digits_hides_nothing_that_is_known(camera: Camera) -> None:
    found = camera.see("0??99", times=20)
    assert {(each.state, each.value) for each in found} == {("corrected", "199")}
    assert "d2, d3 can't be read" in found[0].why


def test_without_the_last_wheels_a_reading_becomes_uncertain_and_comes_back(camera: Camera) -> None:
    hidden = camera.see("001??", times=DAY)
    assert hidden[-1].value is None
    assert "d4, d5 can't be read" in hidden[-1].why
    assert values(camera.see("00207", times=3))[-1] == "207"


def test_a_picture_of_something_else_changes_nothing(camera: Camera) -> None:
    (odd,) = camera.see("84526")
    assert (odd.value, odd.probability) == (None, 0)  # how sure nothing is says nothing
    assert odd.why == "d1 looks like 8; d2 looks like 4; d3 looks like 5; d4 looks like 2; d5 looks like 6"
    assert values(camera.see("00199")) == ["199"]


@pytest.mark.slow
def test_a_new_meter_with_a_lower_value_is_a_reset_after_confirmation() -> None:
    camera = Camera()
    camera.see("04827", times=20)
    found = camera.see("00003", times=20)
    states = [each.state for each in found]
    assert states.count("reset") == 1
    assert set(states[: states.index("reset")]) == {"uncertain"}
    assert values(found)[states.index("reset") :] == ["3"] * (20 - states.index("reset"))
    assert "a new meter, or 4827 was wrong" in found[states.index("reset")].why


def test_a_meter_that_begins_again_at_0_is_a_reset() -> None:
    camera = Camera()
    camera.see("99998", times=20)
    found = camera.see("99999", "99999", *["00000"] * 6)
    reset = next(each for each in found if each.state == "reset")
    assert (reset.value, reset.why) == ("0", "after 99999 the meter began again at 0")


def test_a_late_picture_is_uncertain_and_moves_nothing(camera: Camera) -> None:
    before = camera.track
    camera.at -= 3600
    (late,) = camera.see("00777")
    assert (late.state, late.value) == ("uncertain", None)
    assert "captured before" in late.why
    assert camera.track is not None and before is not None
    assert camera.track.belief is before.belief


def test_a_clock_that_was_set_back_is_followed_after_a_few_pictures(camera: Camera) -> None:
    camera.at -= 30 * 86400
    assert values(camera.see("00199", times=8))[-3:] == ["199"] * 3


@pytest.mark.slow
def test_what_is_wrong_at_first_is_taken_back_when_evidence_mounts() -> None:
    camera = Camera()
    camera.see("00899", times=3)
    found = camera.see("00199", times=160)
    wrong = [number for number, each in enumerate(found) if each.value == "899"]
    assert max(wrong, default=0) <= 5
    assert found[-1].value == "199"


COUNTS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["", "misread", "hidden"])), min_size=1, max_size=15)


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(start=st.integers(0, 99_990), steps=COUNTS, restarts=st.sets(st.integers(0, 25)))
def test_a_restart_changes_nothing_and_no_value_falls_but_by_a_reset(
    start: int, steps: list[tuple[int, str]], restarts: set[int]
) -> None:
    one, other = Camera(), Camera()
    count, last = start, -1
    for number, (step, what) in enumerate(steps):
        count = (count + step) % 100_000
        labels = f"{count:05d}"
        labels = {"": labels, "misread": labels[:2] + "7" + labels[3:], "hidden": labels[:3] + "??"}[what]
        (outcome,) = one.see(labels)
        if number in restarts and other.track is not None:
            other.track = unpack(pack(other.track), 5)
        assert other.see(labels) == [outcome]
        if outcome.value is None:
            assert (outcome.state, bool(outcome.why)) == ("uncertain", True)
            continue
        assert int(outcome.value) >= 0
        assert int(outcome.value) >= last or outcome.state == "reset"
        last = int(outcome.value)


@pytest.mark.parametrize("cut", [0, 1, 100, -1])
def test_a_damaged_track_is_refused(camera: Camera, cut: int) -> None:
    assert camera.track is not None
    data = pack(camera.track)
    assert len(data) < 30_000
    with pytest.raises(ValueError):
        unpack(data[:cut], 5)
    with pytest.raises(ValueError):
        unpack(data, 6)
    with pytest.raises(ValueError, match="its value is 100000"):
        unpack(pack(replace(camera.track, published=100_000)), 5)
