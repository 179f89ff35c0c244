"""A reading's number is text with its decimals, and its probability is coarse."""

import pytest

from common.readings.reading import coarse, decimal_text


@pytest.mark.parametrize(
    ("count", "decimals", "text"),
    [(12345, 1, "1234.5"), (12345, 0, "12345"), (5, 1, "0.5"), (7, 3, "0.007"), (0, 0, "0"), (100, 2, "1.00")],
)
def test_a_count_is_written_with_its_decimals(count: int, decimals: int, text: str) -> None:
    assert decimal_text(count, decimals) == text


@pytest.mark.parametrize(("probability", "told"), [(1.0, 0.999), (0.995, 0.99), (0.95, 0.9), (0.5, 0.5), (0.3, 0.0)])
def test_a_probability_is_rounded_down_to_a_few_levels(probability: float, told: float) -> None:
    assert coarse(probability) == told
