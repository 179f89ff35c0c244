"""How counts go on: what is likely before a meter is known, and what is learnt of its pace."""

import numpy as np
import pytest

from common.readings.motion import NO_PACE, Gap, Pace, at_most, later_pace, moves

#: A quarter of an hour, and the most that a meter counts in an hour, in units of the last wheel.
QUARTER, RATE = Gap(0.25), 100.0
STEPS = np.arange(0, 20_000)[None, :]


def _after(*steps: int, gap: Gap = QUARTER) -> Pace:
    """The pace of a meter that went on by so many steps, from picture to picture."""
    pace = NO_PACE
    for each in steps:
        pace = later_pace(pace, np.ones((1, 1)), np.array([[each]]), gap, RATE)
    return pace


@pytest.mark.parametrize("gap", [QUARTER, Gap(0.25, 5), Gap(0.001), Gap(12.0)])
@pytest.mark.parametrize("pace", [NO_PACE, _after(5, 5, 6, 0, 5)], ids=["nothing is known", "a steady pace"])
def test_the_probabilities_of_all_steps_sum_to_1_and_none_goes_backwards(gap: Gap, pace: Pace) -> None:
    found = moves(STEPS, gap, RATE, pace)
    assert found.sum() == pytest.approx(1.0, abs=1e-3)
    assert np.cumsum(found) == pytest.approx(at_most(STEPS, gap, RATE, pace)[0], abs=1e-3)
    assert moves(np.array([[-1]]), gap, RATE, pace).sum() == 0
    assert at_most(np.array([[-1]]), gap, RATE, pace).sum() == 0


def test_a_steady_pace_is_learnt_and_tells_where_the_last_wheel_will_stand() -> None:
    unknown, steady = (moves(STEPS, QUARTER, RATE, pace)[0] for pace in (NO_PACE, _after(*[5, 6, 4, 5] * 8)))
    assert unknown[3:9].sum() < 0.05
    assert steady[3:9].sum() > 0.7


def test_a_pace_that_changes_is_learnt_anew() -> None:
    changed = moves(STEPS, QUARTER, RATE, _after(*[5] * 40, *[40] * 40))[0]
    assert changed[30:55].sum() > 5 * changed[3:9].sum()


def test_what_flows_in_bursts_is_likelier_to_go_on_while_it_flows() -> None:
    bursts = [0, 0, 0, 0, 0, 20, 20, 20] * 4
    still, flowing = (moves(STEPS, QUARTER, RATE, _after(*bursts, last))[0, 0] for last in (0, 20))
    assert still > flowing + 0.2


def test_however_often_pictures_are_taken_a_meter_that_stood_still_moves_within_hours() -> None:
    still = _after(*[0] * 500)
    assert moves(STEPS, QUARTER, RATE, still)[0, 0] > 0.9
    assert moves(STEPS, Gap(10 / 3600), RATE, _after(*[0] * 500, gap=Gap(10 / 3600)))[0, 0] > 0.999
    assert at_most(np.array([0]), Gap(12.0, 48), RATE, still)[0] < 0.3
