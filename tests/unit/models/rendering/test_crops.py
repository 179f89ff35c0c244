"""Crops for training: what is true of each, and that a seed gives the same ones again."""

import numpy as np
import pytest

from models.rendering.crops import BETWEEN, LABELS, UNREADABLE, RegionStyle, render_crops, truth
from models.rendering.fonts import SHIPPED, find_fonts
from models.rendering.photos import take_photo


@pytest.mark.parametrize("position, label", [(3.0, "3"), (3.2, "3"), (2.8, "3"), (9.9, "0"), (3.5, "between")])
def test_a_wheel_is_a_digit_up_to_a_quarter_of_a_turn_and_between_two_from_a_third(position, label) -> None:
    shares = truth(position, 0.0)
    assert shares.sum() == pytest.approx(1)
    assert LABELS[shares.argmax()] == label


def test_between_leaves_a_tenth_to_the_two_neighbours_the_nearer_one_more() -> None:
    shares = truth(9.6, 0.0)
    assert shares[BETWEEN] == pytest.approx(0.9)
    assert (shares[9], shares[0]) == pytest.approx((0.04, 0.06), abs=1e-6)


def test_a_digit_that_is_mostly_hidden_is_unreadable() -> None:
    assert truth(3.0, 0.3)[3] == 1
    assert truth(3.0, 0.8)[UNREADABLE] == 1


def test_crops_are_frames_of_all_labels_and_the_same_for_the_same_seed() -> None:
    book = find_fonts([SHIPPED])
    frames, shares = render_crops(np.random.default_rng(5), book, 160)
    again, _ = render_crops(np.random.default_rng(5), book, 160)
    assert frames.shape == (160, 28, 28, 1) and frames.dtype == np.uint8
    assert np.array_equal(frames, again)
    assert set(shares.argmax(axis=1)) == set(range(12))
    assert shares.sum(axis=1) == pytest.approx(np.ones(160), abs=1e-5)


def test_regions_hold_the_digits_and_stay_near_them_where_corners_are_inexact() -> None:
    photo = take_photo(np.random.default_rng(1), find_fonts([SHIPPED]), (640, 480), 5)
    for loose in (0.0, 0.03):
        style = RegionStyle(np.random.default_rng(2), loose)
        for digit in photo.digits:
            tall = np.linalg.norm(digit.ink[3] - digit.ink[0])
            assert np.abs(style.corners(digit).mean(axis=0) - digit.ink.mean(axis=0)).max() < (0.1 + 4 * loose) * tall
