"""Rounded weights are those that SEAL's plaintexts hold, and their errors have the variance that is predicted."""

import numpy as np
import pytest

from common.ckks.fhe import Context
from common.ckks.parameters import Parameters
from common.plan.layers import Array
from common.plan.stage import Stage
from compiler.modulus.rounding import with_rounded_weights
from compiler.modulus.stage_noise import Rounding

DIMENSION = 4096
PARAMETERS = Parameters(128, DIMENSION, (40, 49))
#: Bits of the scales of the weights: at these a rounding error is larger than that of a double, and visible.
SCALE_BITS = (4, 9, 16)


@pytest.fixture(scope="module")
def context() -> Context:
    made = Context(PARAMETERS)
    made.generate_keys([])
    return made


def in_plaintext(context: Context, slots: Array, scale: float) -> Array:
    """The slots of SEAL's plaintext: what a ciphertext decrypts to with it, less what it does without."""
    plaintext = context.encode(slots, scale, 0)
    if plaintext is None:
        return np.zeros(len(slots))
    ciphertext = context.encrypt(np.zeros(len(slots)), scale)
    before = context.decrypt(ciphertext)
    context.add_plaintext_in_place(ciphertext, plaintext)
    return context.decrypt(ciphertext) - before


def stage_of(vectors: Array, frames: int) -> Stage:
    terms = np.array([[0, row, 0, 0, 0, row] for row in range(len(vectors))], np.int32)
    return Stage(
        shape=(1, 1, 1),
        level=0,
        product_scale=1.0,
        weight_scales={},
        terms=terms,
        vectors=vectors.astype(np.float32),
        folds=(),
        bias=np.zeros((1, DIMENSION // 2 // frames)),
        square=False,
        bits_left=0.0,
    )


@pytest.mark.parametrize("bits", SCALE_BITS)
@pytest.mark.parametrize(("frames", "period"), [(1, 2048), (1, 16), (8, 256), (8, 4), (2048, 1)])
def test_rounded_weights_are_what_the_plaintext_holds_for_each_frame(
    context: Context, frames: int, period: int, bits: int
) -> None:
    rng = np.random.default_rng(bits)
    stage = stage_of(rng.normal(size=(3, period)) * (rng.random((3, period)) < 0.7), frames)
    which = sorted({0, frames // 2, frames - 1})
    rounded = with_rounded_weights(stage, {0: 2.0**bits}, DIMENSION, frames, which)
    for _, _, _, _, _, row in stage.terms.tolist():
        held = in_plaintext(context, stage.slots_of_vector(row, frames), 2.0**bits)
        by_frame = held.reshape(-1, frames).T
        for frame, one in zip(which, rounded, strict=True):
            expected = np.resize(one.vectors[one.terms[row, 5]], by_frame.shape[1])
            assert np.allclose(by_frame[frame], expected, rtol=0, atol=1e-9)


def test_each_value_has_weights_at_its_own_scale() -> None:
    stage = stage_of(np.random.default_rng(2).normal(size=(1, 64)), 1)
    stage.terms[0, 2] = 1
    (coarse,) = with_rounded_weights(stage, {0: 2.0**40, 1: 2.0**6}, DIMENSION, 1, [0])
    (fine,) = with_rounded_weights(stage, {0: 2.0**6, 1: 2.0**40}, DIMENSION, 1, [0])
    assert np.allclose(fine.vectors, stage.vectors, rtol=0, atol=1e-8)
    assert np.abs(coarse.vectors - stage.vectors).max() > 1e-3


@pytest.mark.parametrize("alike", [1, 3])
def test_the_variance_of_dense_weights_is_that_of_their_plaintexts(context: Context, alike: int) -> None:
    """Products with equal vectors have equal errors, which add up; those with different ones average out."""
    rng = np.random.default_rng(alike)
    different = rng.normal(size=(8, DIMENSION // 2))
    vectors = np.repeat(different, alike, axis=0).astype(np.float32)
    numbers = np.zeros(len(vectors), np.int64)
    scale = 2.0**14
    errors = [in_plaintext(context, vector, scale) - vector for vector in vectors.astype(np.float64)]
    measured = np.sum(errors, axis=0).var()
    predicted = Rounding(vectors, numbers, numbers, 1, DIMENSION).variance(scale)
    assert 0.8 <= measured / predicted <= 1.25


def test_the_loss_of_sparse_weights_is_that_of_their_plaintexts(context: Context) -> None:
    """One weight of 2048: most coefficients round to zero, and what is left of the weight is less than it was."""
    vectors = np.zeros((1, DIMENSION // 2), np.float32)
    vectors[0, 5] = 1.0
    zero = np.zeros(1, np.int64)
    for scale in (2.0**10, 2.0**11):  # coefficients up to 1/2 and up to 1
        rounding = Rounding(vectors, zero, zero, 1, DIMENSION)
        lost = 1.0 - in_plaintext(context, vectors[0].astype(np.float64), scale)[5] if scale > 2.0**10 else 1.0
        noise = DIMENSION / 12 / scale**2
        assert np.isclose(rounding.variance(scale), noise + lost**2, rtol=0.05)


def test_the_least_scale_is_that_below_which_a_plaintext_is_all_zero(context: Context) -> None:
    vectors = np.random.default_rng(3).normal(size=(1, DIMENSION // 2)).astype(np.float32) * 2.0**-20
    zero = np.zeros(1, np.int64)
    bits = Rounding(vectors, zero, zero, 1, DIMENSION).least_bits
    assert context.encode(vectors[0].astype(np.float64), 2.0**bits, 0) is not None
    assert context.encode(vectors[0].astype(np.float64), 2.0 ** (bits - 2), 0) is None
