"""Encoding without SEAL gives SEAL's plaintexts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.ckks.fhe import Context
from common.ckks.parameters import Parameters

pytest.importorskip("blindsight_engine", reason="the extension isn't installed")

from workers.evaluation.native.encoding import Encoder
from workers.evaluation.native.engine import NativeEngine

PARAMETERS = Parameters(128, 8192, (52, 50, 52, 60))
RING = NativeEngine().ring(PARAMETERS)
SEAL, OURS = Context(PARAMETERS), Encoder(PARAMETERS, RING)


def seals(slots: np.ndarray, scale: float, level: int) -> np.ndarray:
    plaintext = SEAL.encode(slots, scale, level)
    assert plaintext is not None
    return SEAL.save_plaintext(plaintext)


@given(st.integers(0, 1 << 32), st.floats(8, 36), st.integers(0, 2))
@settings(max_examples=25, deadline=None)
def test_residues_are_those_of_seal(seed: int, scale_bits: float, level: int) -> None:
    slots = np.random.default_rng(seed).uniform(-1, 1, PARAMETERS.slots)
    ours = OURS.encode(slots, 2.0**scale_bits, level)
    assert ours is not None
    assert np.array_equal(ours, seals(slots, 2.0**scale_bits, level))


@pytest.mark.parametrize("scale_bits", [50, 60, 61, 62, 63, 64, 90])
def test_coefficients_of_any_length_are_those_of_seal_within_the_precision_of_float64(scale_bits: int) -> None:
    slots = np.zeros(PARAMETERS.slots)
    slots[::4] = np.linspace(-1, 1, len(slots[::4]))
    ours, scale = OURS.encode(slots, 2.0**scale_bits, 2), 2.0**scale_bits
    assert ours is not None
    prime = PARAMETERS.primes[0]
    difference = RING.inverse_ntt(0, (ours[0] + np.uint64(prime) - seals(slots, scale, 2)[0]) % np.uint64(prime))
    assert np.minimum(difference, np.uint64(prime) - difference).max() <= max(1, 2.0 ** (scale_bits - 50))


def test_values_that_round_to_zero_have_no_plaintext() -> None:
    assert OURS.encode(np.full(PARAMETERS.slots, 0.4), 1.0, 1) is None
    assert OURS.encode(np.full(PARAMETERS.slots, 0.6), 1.0, 1) is not None
