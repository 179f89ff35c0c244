"""How many bits of the scores' coefficients a plan's error bound leaves worth sending."""

import math

import numpy as np

from common.plan.plan import PlanHead

#: The standard deviations of rounding that are held against the error bound: as many as in the bound itself.
_DEVIATIONS = 8.0
#: The largest share of the error bound that rounding takes. Both are independent: so it adds 3 % to the error.
_SHARE = 0.25


def label_bits(head: PlanHead) -> tuple[int, int]:
    """Bits of each coefficient of the scores' first and second polynomials, as few as the error bound allows.

    Rounding to Δ is an error of variance Δ²/12 in each coefficient, and √(N/2) of them add up in a slot's real part.
    That of the second polynomial is multiplied by the ternary secret, whose coefficients have the variance 2/3: it is
    √(2N/3) times as large. So the first polynomial needs fewer bits.
    """
    dimension, most = head.parameters.ring_dimension, head.parameters.prime_bits[0]
    slots_of_label = int(np.bincount(head.output_layout[head.output_layout >= 0]).max())
    of_score = math.sqrt(slots_of_label) * head.output_factor / head.output_scale
    allowed = _SHARE * head.error_bound / _DEVIATIONS / of_score
    first, second = math.sqrt(dimension / 24), dimension / 6
    pairs = (
        (a, b)
        for a in range(1, most + 1)
        for b in range(1, most + 1)
        if math.hypot(first * 2.0 ** (most - a), second * 2.0 ** (most - b)) <= allowed
    )
    return min(pairs, key=lambda pair: (sum(pair), pair), default=(most, most))
