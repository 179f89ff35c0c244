"""Scores are rounded as far as a quarter of the plan's error bound allows, and no further."""

import msgspec
import numpy as np
import pytest

from common.ckks.ciphertext import ciphertext_size
from common.plan.label_bits import label_bits
from common.plan.plan import PlanHead
from common.plan.predictions import download_bytes
from models.plans import get_plan

HEAD = get_plan("digits", 128).head


def deviation(head: PlanHead, bits: tuple[int, int]) -> float:
    """The standard deviation that rounding gives a score, by the formula."""
    dimension, most = head.parameters.ring_dimension, head.parameters.prime_bits[0]
    slots = np.bincount(head.output_layout[head.output_layout >= 0]).max()
    error = np.hypot(np.sqrt(dimension / 24) * 2.0 ** (most - bits[0]), dimension / 6 * 2.0 ** (most - bits[1]))
    return float(error * np.sqrt(slots) * head.output_factor / head.output_scale)


@pytest.mark.parametrize("bound", [1.0, 0.1, 0.01])
def test_eight_deviations_take_a_quarter_of_the_bound(bound: float) -> None:
    head = msgspec.structs.replace(HEAD, error_bound=bound)
    first, second = label_bits(head)
    assert 8 * deviation(head, (first, second)) <= bound / 4
    assert 8 * deviation(head, (first - 1, second)) > bound / 4
    assert 8 * deviation(head, (first, second - 1)) > bound / 4


def test_where_the_bound_leaves_nothing_out_all_bits_are_sent() -> None:
    bits = HEAD.parameters.prime_bits[0]
    assert label_bits(msgspec.structs.replace(HEAD, error_bound=1e-12)) == (bits, bits)


def test_the_labels_of_digits_are_three_fifths_as_large() -> None:
    assert download_bytes(HEAD) == ciphertext_size(HEAD.parameters, 0) == 106_512
    assert download_bytes(HEAD, rounded=True) == 59_410
