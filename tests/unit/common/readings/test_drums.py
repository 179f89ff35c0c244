"""Wheels turn each other, exactly or a little early or late."""

import numpy as np
import pytest

from common.readings.candidates import other_digits, suggested
from common.readings.drums import SHIFTS, positions, shown_digits
from common.readings.evidence import SERIES, STEPS, Labels, label_model
from tests.unit.common.readings.wheels import NAMES, scores


def _places(units: float, shift: int) -> list[float]:
    """Where three wheels stand, the most significant first, in digits, if both upper ones have a shift."""
    (places,) = positions(np.array([int(STEPS * units)]), 3)
    return [place / STEPS for place in places[::-1, list(SHIFTS).index(shift)].tolist()]


@pytest.mark.parametrize(
    ("units", "shift", "places"),
    [
        (123, 0, [1, 2, 3]),
        (129.5, 0, [1, 2.5, 9.5]),
        (199.5, 0, [1.5, 9.5, 9.5]),
        (999.5, 0, [9.5, 9.5, 9.5]),
        (129, 2, [1, 2.5, 9]),  # early: half turned while the wheel below shows 9
        (129, 4, [1, 3, 9]),  # so early that it shows the next digit
        (395, 4, [4, 9, 5]),
        (130, -2, [1, 2.5, 0]),  # late
        (100, -4, [0, 9, 0]),
    ],
)
def test_a_wheel_turns_while_the_one_below_goes_from_9_to_0(units: float, shift: int, places: list[float]) -> None:
    assert _places(units, shift) == places


def test_digits_of_a_count_come_with_the_most_significant_first() -> None:
    assert shown_digits(120, 5) == (0, 0, 1, 2, 0)


def test_labels_of_every_position_are_shares_of_a_whole() -> None:
    for has_between in (True, False):
        assert label_model(SERIES, has_between).sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize(("labels", "count"), [("123", 123.0), ("12b", None), ("907", 907.0)])
def test_a_picture_suggests_the_count_that_its_labels_say_first(labels: str, count: float | None) -> None:
    of = Labels(NAMES)
    endings = suggested(of.likelihoods(of.kinds(of.probabilities(scores(labels))))[::-1])
    assert [len(each) > 0 for each in endings] == [True] * 3
    if count is not None:
        assert endings[-1][0] == STEPS * count


def test_a_single_misread_wheel_leaves_nine_other_counts_for_each_wheel() -> None:
    units = other_digits(STEPS * 190, 3) // STEPS
    assert len(set(units.tolist())) == 27
    assert {191, 100, 90, 290, 990} <= set(units.tolist())
