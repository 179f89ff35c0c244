"""Slots are a polynomial's values at the roots where CKKS has them."""

import numpy as np

from common.ckks.embedding import coefficients, slots_of


def test_coefficients_are_those_of_the_polynomial_that_has_the_slots_at_its_roots() -> None:
    slots = np.random.default_rng(1).normal(size=8)
    root = np.exp(1j * np.pi / 16)
    polynomial = np.polynomial.Polynomial(coefficients(slots[None], 16)[0])
    assert np.allclose(polynomial(root ** np.array([pow(3, slot, 32) for slot in range(8)])), slots)


def test_slots_come_back_from_their_coefficients() -> None:
    slots = np.random.default_rng(2).normal(size=(3, 2048))
    assert np.allclose(slots_of(coefficients(slots, 4096), 4096), slots)
