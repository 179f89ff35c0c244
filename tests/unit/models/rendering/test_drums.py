"""Wheels turn each other on as a counter's do."""

import numpy as np
import pytest

from models.rendering.drums import Counter, shown


@pytest.mark.parametrize(
    "count, positions, reading",
    [
        (12345.0, (1, 2, 3, 4, 5), "12345"),
        (12345.5, (1, 2, 3, 4, 5.5), "12345"),
        (12349.25, (1, 2, 3, 4.25, 9.25), "12349"),
        (19999.5, (1.5, 9.5, 9.5, 9.5, 9.5), "19999"),
        (12349.75, (1, 2, 3, 4.75, 9.75), "12350"),
        (99999.75, (9.75, 9.75, 9.75, 9.75, 9.75), "00000"),
    ],
)
def test_a_wheel_turns_while_the_one_at_its_right_goes_from_nine_to_zero(count, positions, reading) -> None:
    counter = Counter.of(count, 5)
    assert counter.positions == pytest.approx(positions)
    assert counter.reading == reading


def test_from_seven_tenths_of_a_turn_on_the_next_digit_is_shown() -> None:
    assert (shown(3.69, 2), shown(3.71, 2)) == ("03", "04")


def test_counts_at_random_show_their_reading_wherever_they_rest() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        counter = Counter.at_random(rng, 5)
        for position, digit in zip(counter.positions, counter.reading, strict=True):
            if abs(position - round(position)) < 0.15:
                assert round(position) % 10 == int(digit)
