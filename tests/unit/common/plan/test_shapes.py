"""Shapes are known before anything is computed, and what would fill the memory is refused."""

import numpy as np
import pytest
from hypothesis import given, settings

from common.errors import NetworkError
from common.plan.layers import (
    Add,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Crop,
    Dense,
    Flatten,
    GlobalAvgPool2d,
    Layer,
    Linear,
    Multiply,
    Pad2d,
    Polynomial,
    Recall,
)
from common.plan.network import Network
from common.plan.shapes import frames_at_a_time, output_shape
from tests.networks import networks, random_conv

ONE = np.ones(1)


def sparse(rows: list[float], columns: list[float], kind: type = np.int32, shape: tuple[int, ...] = (2,)) -> Linear:
    """A matrix of ones that gives two values."""
    return Linear(np.array(rows, kind), np.array(columns, kind), np.ones(len(columns)), np.zeros(2), shape)


@settings(max_examples=40)
@given(networks())
@pytest.mark.slow
def test_they_are_those_of_what_is_computed(network: Network) -> None:
    height, width, channels = network.frame_shape
    for cut in range(len(network.layers) + 1):
        front = Network("front", network.frame_shape, (), network.layers[:cut])
        assert (
            output_shape(front.layers, (channels, height, width))
            == (front.forward(np.zeros((1, channels, height, width))).shape[1:])
        )


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (Pad2d(10**9), "values for each frame"),
        (Pad2d(-1), "padding is -1"),
        (Conv2d(np.ones((1, 1, 1, 1)), ONE, padding=10**6), "windows take"),
        (Conv2d(np.ones((1, 1, 9, 1)), ONE), "a kernel of 9×1 doesn't fit"),
        (Conv2d(np.ones((1, 1, 2, 2)), ONE, dilation=10**9), "doesn't fit"),
        (Conv2d(np.ones((1, 1, 1, 1)), ONE, stride=0), "stride 0"),
        (Conv2d(np.ones((1, 1, 1, 1)), ONE, stride=(1, -1)), "stride"),
        (Conv2d(np.ones((1, 2, 1, 1)), ONE), "doesn't fit 1 channels"),
        (Conv2d(np.ones((10**9, 1, 0, 1)), ONE), "kernel"),
        (Conv2d(np.ones(1), ONE), "its weight has shape"),
        (Conv2d(np.ones((1, 1, 1, 1)), np.ones(2)), "weights of shape"),
        (AvgPool2d(2, 1, padding=2), "beyond its kernel"),
        (AvgPool2d((0, 2), 1), "beyond its kernel|kernel"),
        (BatchNorm(ONE, -ONE, ONE, ONE), "variance isn't positive"),
        (BatchNorm(ONE, ONE, np.full(1, np.nan), ONE), "aren't finite"),
        (Polynomial(ONE, np.ones(2), ONE), "weights of shape"),
        (Crop(0, 0, 5, 4), "a crop of 5×4"),
        (Crop(-1, 0, 2, 2), "a crop of 2×2 at -1, 0"),
        (Dense(np.ones((1, 16)), ONE), "put Flatten before it"),
        (sparse([0, 2], [0, 1]), "its rows aren't from 0 to 1"),
        (sparse([-1, 0], [0, 1]), "its rows aren't from 0 to 1"),
        (sparse([0, 1], [0, 16]), "its columns aren't from 0 to 15"),
        (sparse([0, 1], [-1, 0]), "its columns aren't from 0 to 15"),
        (sparse([1, 0], [0, 1]), "rows aren't in ascending order"),
        (sparse([0, 1], [0, 1], np.float64), "its rows aren't whole numbers"),
        (sparse([0], [0, 1]), "weights of shape"),
        (sparse([], [], shape=(1, 2)), "its output's shape is"),
        (sparse([], [], shape=(2, 1, 0)), "its output's shape is"),
        (sparse([], [], shape=(10**9,)), "weights of shape"),
        (Linear(np.int32(0), np.int32(0), ONE, ONE, (1,)), "its rows have shape"),
        (Recall(0), "there is no layer 0 before it"),
        (Add(3), "there is no layer 3 before it"),
        (Multiply(3), "there is no layer 3 before it"),
    ],
)
def test_a_layer_that_cannot_be_run_is_refused_by_name(layer: Layer, says: str) -> None:
    with pytest.raises(NetworkError, match=rf"layer 0 \({type(layer).__name__}\): .*({says})"):
        output_shape([layer], (1, 4, 4))


def test_products_and_sums_are_of_equal_shapes() -> None:
    for kind in (Add, Multiply):
        with pytest.raises(
            NetworkError, match=rf"layer 1 \({kind.__name__}\): it joins shapes \(16,\) and \(1, 4, 4\)"
        ):
            output_shape([Flatten(), kind(-1)], (1, 4, 4))


def test_features_have_no_height() -> None:
    with pytest.raises(NetworkError, match=r"layer 1 \(GlobalAvgPool2d\): it takes channels × height × width"):
        output_shape([Flatten(), GlobalAvgPool2d()], (1, 4, 4))


def test_large_networks_take_fewer_frames_at_a_time() -> None:
    rng = np.random.default_rng(0)
    assert frames_at_a_time([random_conv(rng, 4, 1, (1, 1))], (1, 28, 28)) == 500
    large = [random_conv(rng, 100, 1, (1, 1))]
    assert frames_at_a_time(large, (1, 100, 100)) == 33
    assert frames_at_a_time([*large, Recall(0)], (1, 100, 100)) == 16


def test_what_layers_keep_for_later_ones_is_bounded_together() -> None:
    """Each of these residual connections is small, but a few hundred would fill the memory."""
    layers: list[Layer] = [Flatten(), *map(Add, range(20))]
    assert output_shape(layers, (1, 1024, 1024)) == (2**20,)
    layers = [Flatten(), *map(Add, range(40))]
    with pytest.raises(NetworkError, match=r"up to layer 32 layers keep 34,603,008 values for later ones"):
        output_shape(layers, (1, 1024, 1024))
