"""The simulated weeks of meters are what they claim to be; no reading of a short one is wrong."""

import numpy as np
import pytest

from benchmarks.readings.__main__ import spec_of
from benchmarks.readings.bars import Score, judge, shown
from benchmarks.readings.looks import MadeUp
from benchmarks.readings.meters import Meter, counts, make_meter
from benchmarks.readings.weeks import Story, pictures


def test_wheels_turn_each_other_early_or_late() -> None:
    exact = Meter(3, 0, 3.0, 2.0, False, np.zeros(3))
    assert exact.places(199.5)[::-1] == pytest.approx([1.5, 9.5, 9.5])
    early = Meter(3, 0, 3.0, 2.0, False, np.array([0.0, 0.0, 0.5]))
    assert early.places(192.0)[::-1] == pytest.approx([1.5, 9.0, 2.0])


@pytest.mark.parametrize("kind", ["water", "litres", "power"])
def test_a_meter_never_counts_backwards_and_keeps_to_its_rate(kind: str) -> None:
    random = np.random.default_rng(1)
    meter = make_meter(random, kind)
    hours = np.arange(0, 168, 0.25)
    found = counts(random, meter, 1000.0, hours)
    assert found[0] == 1000.0
    assert (np.diff(found) >= 0).all()
    assert np.diff(found).max() <= 0.25 * meter.rate * 1.01
    assert 0.3 * meter.use < (found[-1] - found[0]) / 7 < 3 * meter.use


def test_a_wheel_shows_one_count_or_two_while_it_turns() -> None:
    assert [shown(count) for count in (7.1, 7.5, 7.9)] == [{7}, {7, 8}, {8}]


def test_a_score_says_whether_the_bars_are_reached() -> None:
    good = Score(pictures=1000, published=970, within=970, longest_wrong=5)
    assert good.reached
    for bad in (dict(within=968), dict(published=940, within=940), dict(longest_wrong=6), dict(falls=1)):
        assert not Score(**{**vars(good), **bad}).reached


@pytest.mark.slow
def test_two_days_of_water_have_no_wrong_reading() -> None:
    random = np.random.default_rng(3)
    meter = make_meter(random, "water")
    story = Story(weeks=2 / 7, minutes=20.0, start=48231.0, glare=1.0, bubbles=1.0)
    score = judge(spec_of(meter), MadeUp.names, pictures(random, meter, MadeUp(random), story))
    assert (score.within, score.longest_wrong, score.falls) == (score.published, 0, 0), score
    assert score.published > 0.8 * score.pictures
