"""The sparse matrix of each affine layer does what the layer's own forward pass does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import CapacityError, NetworkError
from common.plan.layers import (
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Crop,
    Dense,
    Flatten,
    GlobalAvgPool2d,
    Pad2d,
    Plain,
    Polynomial,
)
from compiler.matrices import affine_map, spread
from tests.networks import random_batch_norm, random_dense, random_linear

SEEDS = st.integers(0, 2**32 - 1)
SHAPES = st.tuples(st.integers(1, 4), st.integers(3, 8), st.integers(3, 8))
PADDINGS = st.tuples(*[st.integers(0, 2)] * 4)
STRIDES = st.one_of(st.integers(1, 3), st.tuples(st.integers(1, 3), st.integers(1, 3)))

Shape = tuple[int, int, int]


def check(layer: Plain, shape: tuple[int, ...], seed: int) -> None:
    """On random inputs, matrix · input + constant is the layer's output, element for element."""
    x = np.random.default_rng(seed).normal(size=(3, *shape))
    expected = layer.forward(x)
    matrix, constant, out = affine_map(layer, shape)
    assert out == expected.shape[1:]
    assert matrix.shape == (np.prod(out), np.prod(shape))
    computed = (matrix @ x.reshape(3, -1).T).T + constant
    assert np.allclose(computed.reshape(expected.shape), expected, rtol=0, atol=1e-12)


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[Conv2d, Shape]:
    shape = draw(SHAPES)
    rng = np.random.default_rng(draw(SEEDS))
    kernel = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    groups = draw(st.sampled_from([groups for groups in range(1, shape[0] + 1) if shape[0] % groups == 0]))
    weight = rng.normal(size=(groups * draw(st.integers(1, 3)), shape[0] // groups, *kernel))
    weight *= rng.random(weight.shape) < draw(st.sampled_from([0.5, 1.0]))
    dilation = draw(st.tuples(*(st.integers(1, 2 if (size - 1) * 2 < 3 else 1) for size in kernel)))
    return Conv2d(weight, rng.normal(size=len(weight)), draw(STRIDES), draw(PADDINGS), dilation, groups), shape


@given(convolutions(), SEEDS)
def test_a_convolution_with_strides_paddings_dilations_and_groups(case: tuple[Conv2d, Shape], seed: int) -> None:
    check(*case, seed)


@given(convolutions())
def test_a_convolution_s_matrix_stores_no_zero_weight_and_nothing_for_the_padding(case: tuple[Conv2d, Shape]) -> None:
    matrix, _, _ = affine_map(*case)
    assert np.count_nonzero(matrix.data) == matrix.nnz


@given(SHAPES, st.integers(1, 3), st.integers(1, 3), STRIDES, PADDINGS, st.booleans(), SEEDS)
def test_average_pooling_with_the_padding_counted_or_not(
    shape: Shape, high: int, wide: int, stride: int | tuple[int, int], padding: Shape, counted: bool, seed: int
) -> None:
    within = tuple(
        min(side, max(high, wide) - 1, extent - 1) for side, extent in zip(padding, (high, wide) * 2, strict=True)
    )
    check(AvgPool2d((high, wide), stride, within, counted), shape, seed)


@given(SHAPES, PADDINGS, SEEDS, st.data())
def test_layers_that_only_select_or_move_elements(shape: Shape, padding: Shape, seed: int, data: st.DataObject) -> None:
    top, left = data.draw(st.integers(0, shape[1] - 1)), data.draw(st.integers(0, shape[2] - 1))
    rows, columns = data.draw(st.integers(1, shape[1] - top)), data.draw(st.integers(1, shape[2] - left))
    for layer in (Crop(top, left, rows, columns), Pad2d(padding), Flatten(), Flatten(channels_last=True)):
        check(layer, shape, seed)


@given(SHAPES, SEEDS)
def test_layers_of_a_factor_per_channel_and_dense_ones(shape: Shape, seed: int) -> None:
    rng = np.random.default_rng(seed)
    linear = Polynomial(np.zeros(shape[0]), rng.normal(size=shape[0]), rng.normal(size=shape[0]))
    normalisation: BatchNorm = random_batch_norm(rng, shape[0])
    for layer in (linear, normalisation):
        check(layer, shape, seed)
        check(layer, shape[:1], seed)
    check(GlobalAvgPool2d(), shape, seed)
    check(random_dense(rng, 5, shape[0]), shape[:1], seed)


@given(SHAPES, SHAPES, SEEDS)
def test_a_sparse_matrix_is_its_own(shape: Shape, out: Shape, seed: int) -> None:
    check(random_linear(np.random.default_rng(seed), shape, out), shape, seed)


def test_values_per_channel_stand_at_each_of_its_positions() -> None:
    assert spread(np.array([1, 2]), (2, 1, 3)).tolist() == [1, 1, 1, 2, 2, 2]
    assert spread(np.array([1, 2]), (2,)).tolist() == [1, 2]


def test_a_matrix_of_more_weights_than_slots_take_is_refused_before_it_is_made() -> None:
    layer = Conv2d(np.ones((64, 64, 3, 3)), np.zeros(64))
    with pytest.raises(CapacityError, match=r"Conv2d of \(64, 80, 80\) is a matrix of 224,280,576 weights"):
        affine_map(layer, (64, 80, 80))


def test_a_layer_that_does_not_fit_is_refused_as_its_forward_pass_does() -> None:
    with pytest.raises(NetworkError, match="Dense takes 4 features"):
        affine_map(Dense(np.ones((1, 4)), np.zeros(1)), (5,))
