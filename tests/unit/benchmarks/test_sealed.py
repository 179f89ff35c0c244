"""The bars of encrypted weights: which figures they are held against. No times are measured here."""

import pytest

from benchmarks.harness.figures import Figures
from benchmarks.sealed import cases, held_against

FIGURES: Figures = {
    "sealed": {"evaluation": {"ms": 200.0}, "max_score_error": 0.01, "key_bytes": 30_000_000},
    "plain": {"evaluation": {"ms": 100.0}, "max_score_error": 0.1, "key_bytes": 20_000_000},
    "ratio": 2.0,
    "ms_in_rotations": 80.0,
}


@pytest.mark.parametrize("name", ["ms", "ratio", "ms_in_rotations", "max_score_error", "key_bytes"])
def test_a_bar_is_of_the_sealed_form_and_can_be_missed(name: str) -> None:
    expected = {"ms": 200.0, "ratio": 2.0, "ms_in_rotations": 80.0, "max_score_error": 0.01, "key_bytes": 30_000_000}
    (met,) = held_against(FIGURES, {name: expected[name]})
    assert (met["value"], met["met"], met["least"]) == (expected[name], True, False)
    (missed,) = held_against(FIGURES, {name: expected[name] * 0.99})
    assert missed["met"] is False


def test_every_bar_is_of_a_figure_that_is_measured() -> None:
    bars = [bar for barred in cases() for bar in held_against(FIGURES, barred.bars)]
    assert all(bar["met"] is not None for bar in bars)
    assert len(bars) == 7
