"""Random networks, for tests that hold for every network.

Hypothesis draws the structure, so failures shrink to few layers; a drawn seed gives the weights.
"""

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st
from numpy.typing import NDArray

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
    Joining,
    Layer,
    Linear,
    Multiply,
    Polynomial,
    Recall,
)
from common.plan.network import Network, run_layers
from compiler.stages import fold

Frames = NDArray[np.uint8]
_SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def networks(draw: st.DrawFn, largest_side: int = 9, most_stages: int = 4) -> Network:
    """One to `most_stages` linear stages of random layers, with activations a·x² + b·x + c between them.

    Two stages may make a residual block. Networks whose output depends on no frame are left out.
    """
    rng = np.random.default_rng(draw(_SEEDS))
    shape = (draw(st.integers(1, 3)), draw(st.integers(3, largest_side)), draw(st.integers(3, largest_side)))
    frame_shape = (shape[1], shape[2], shape[0])
    layers: list[Layer] = []
    if draw(st.booleans()):
        layers.append(_crop(draw, shape))
    stages = draw(st.integers(1, most_stages))
    convolutions = draw(st.integers(0, stages - 1))
    left = convolutions
    while left:
        if left > 1 and draw(st.booleans()):
            layers += _residual_block(draw, rng, len(layers), _output_shape(frame_shape, layers))
            left -= 1
        else:
            layers += _spatial_layers(draw, rng, _output_shape(frame_shape, layers))
        layers.append(_straight_in_some(draw, random_polynomial(rng, _output_shape(frame_shape, layers)[0])))
        left -= 1
    if draw(st.booleans()):
        layers += _spatial_layers(draw, rng, _output_shape(frame_shape, layers))
    if draw(st.integers(0, 3)) == 0:
        layers.append(random_linear(rng, _output_shape(frame_shape, layers), (draw(st.integers(1, 3)), 2, 3)))
    if stages < most_stages and draw(st.integers(0, 3)) == 0:
        channels = _output_shape(frame_shape, layers)[0]
        layers += [random_batch_norm(rng, channels), Multiply(len(layers) - 1)]
    if draw(st.integers(0, 3)) == 0:
        layers.append(GlobalAvgPool2d())
    layers.append(Flatten(channels_last=draw(st.booleans())))
    for remaining in range(stages - convolutions, 0, -1):
        (features,) = _output_shape(frame_shape, layers)
        width = draw(st.integers(1, 12))
        layers.append(random_dense(rng, width, features))
        if remaining > 1:
            if draw(st.booleans()):
                layers.append(random_batch_norm(rng, width))
            layers.append(_straight_in_some(draw, random_polynomial(rng, width)))
    (width,) = _output_shape(frame_shape, layers)
    network = Network("random", frame_shape, tuple(f"label {index}" for index in range(width)), tuple(layers))
    try:
        fold(network)
    except NetworkError:  # windows of padding alone depend on no frame
        reject()
    return network


def cuts(network: Network) -> list[int]:
    """The layers from which on a network can be encrypted: no layer behind reads one before the features."""
    layers = network.layers
    return [
        cut
        for cut in range(len(layers))
        if all(layer.layer >= cut - 1 for layer in layers[cut:] if isinstance(layer, Joining))
    ]


def small_network() -> Network:
    layers = (Flatten(), random_dense(np.random.default_rng(5), 8, 16), random_polynomial(np.random.default_rng(6), 8))
    return Network("small", (4, 4, 1), tuple("abc"), (*layers, random_dense(np.random.default_rng(7), 3, 8)))


def deep_network(squarings: int) -> Network:
    """A narrow network with so many squares in sequence, none of which makes values much larger."""
    rng, width = np.random.default_rng(3), 4
    layers: list[Layer] = [Flatten()]
    for number in range(squarings):
        layers.append(random_dense(rng, width, width if number else 16))
        layers.append(Polynomial(np.full(width, 0.1), np.full(width, 0.9), np.zeros(width)))
    return Network("deep", (4, 4, 1), tuple("abc"), (*layers, random_dense(rng, 3, width)))


def joining_network() -> Network:
    """A small network with a sparse matrix, a product, and outputs that are read again."""
    rng = np.random.default_rng(8)
    layers = (random_linear(rng, (1, 4, 4), (2, 2, 3)), random_linear(rng, (2, 2, 3), (2, 2, 3)), Multiply(0))
    return Network(
        "joining", (4, 4, 1), tuple("abc"), (*layers, Flatten(), random_dense(rng, 3, 12), Recall(4), Add(4))
    )


def random_frames(network: Network, count: int, seed: int = 0) -> Frames:
    """Frames of noise, of the size that the network takes."""
    return np.random.default_rng(seed).integers(0, 256, (count, *network.frame_shape), dtype=np.uint8)


def random_conv(rng: np.random.Generator, out: int, channels: int, kernel: tuple[int, int], **options: int) -> Conv2d:
    weight = rng.normal(size=(out, channels, *kernel)) / np.sqrt(channels * kernel[0] * kernel[1])
    return Conv2d(weight, rng.normal(size=out) / 4, **options)


def random_dense(rng: np.random.Generator, out: int, features: int) -> Dense:
    return Dense(rng.normal(size=(out, features)) / np.sqrt(features), rng.normal(size=out) / 4)


def random_linear(rng: np.random.Generator, inputs: tuple[int, ...], shape: tuple[int, ...]) -> Linear:
    """A sparse matrix with three weights for each output, but not three in each row; one at least in the first."""
    size, count = int(np.prod(inputs)), int(np.prod(shape))
    rows = np.sort(np.append(rng.integers(0, count, 3 * count), 0)).astype(np.int32)
    columns = rng.integers(0, size, len(rows), dtype=np.int32)
    values = rng.normal(size=len(rows)) / np.sqrt(len(rows) / count)
    return Linear(rows, columns, values, rng.normal(size=count) / 4, shape)


def random_batch_norm(rng: np.random.Generator, channels: int) -> BatchNorm:
    return BatchNorm(
        mean=rng.normal(size=channels) / 2,
        variance=rng.uniform(0.2, 2, channels),
        gamma=rng.uniform(0.5, 1.5, channels),
        beta=rng.normal(size=channels) / 2,
    )


def random_polynomial(rng: np.random.Generator, channels: int) -> Polynomial:
    sign = rng.choice([-1, 1], channels)
    return Polynomial(
        a=sign * rng.uniform(0.3, 1, channels), b=rng.normal(size=channels) / 2, c=rng.normal(size=channels) / 2
    )


def _straight_in_some(draw: st.DrawFn, polynomial: Polynomial) -> Polynomial:
    """The polynomial as it is, or now and then linear in every other channel."""
    if draw(st.integers(0, 3)) == 0:
        polynomial.a[1::2] = 0
    return polynomial


def _spatial_layers(draw: st.DrawFn, rng: np.random.Generator, shape: tuple[int, ...]) -> list[Layer]:
    channels, height, width = shape
    kernel = (draw(st.integers(1, min(3, height))), draw(st.integers(1, min(3, width))))
    groups = channels if draw(st.integers(0, 3)) == 0 else 1
    out = groups * draw(st.integers(1, 2)) if groups > 1 else draw(st.integers(1, 4))
    dilation = 2 if max(kernel) * 2 - 1 <= min(height, width) and draw(st.booleans()) else 1
    weight = random_conv(rng, out, channels // groups, kernel)
    layers: list[Layer] = [
        Conv2d(
            weight.weight,
            weight.bias,
            stride=draw(st.integers(1, 2)),
            padding=(draw(st.integers(0, 1)), draw(st.integers(0, 1)), 0, draw(st.integers(0, 1))),
            dilation=dilation,
            groups=groups,
        )
    ]
    if draw(st.booleans()):
        layers.append(random_batch_norm(rng, out))
    _, height, width = _output_shape((shape[1], shape[2], channels), layers)
    if draw(st.booleans()):
        padding = draw(st.integers(0, 1))
        side = draw(st.integers(1, min(2, height, width)))
        layers.append(AvgPool2d(side, draw(st.integers(1, 2)), min(padding, side - 1), draw(st.booleans())))
    return layers


def _residual_block(draw: st.DrawFn, rng: np.random.Generator, place: int, shape: tuple[int, ...]) -> list[Layer]:
    """Two convolutions around an activation, and the block's input beside them, through a convolution or not."""
    channels = shape[0]
    out = draw(st.integers(1, 3))
    stride = draw(st.integers(1, 2))
    layers: list[Layer] = [
        random_conv(rng, out, channels, (3, 3), stride=stride, padding=1),
        random_polynomial(rng, out),
        random_conv(rng, out, out, (3, 3), padding=1),
    ]
    if out == channels and stride == 1:
        return [*layers, Add(place - 1)]
    return [*layers, Recall(place - 1), random_conv(rng, out, channels, (1, 1), stride=stride), Add(place + 2)]


def _crop(draw: st.DrawFn, shape: tuple[int, ...]) -> Crop:
    _, height, width = shape
    rows, columns = draw(st.integers(2, height)), draw(st.integers(2, width))
    return Crop(draw(st.integers(0, height - rows)), draw(st.integers(0, width - columns)), rows, columns)


def _output_shape(frame_shape: tuple[int, int, int], layers: list[Layer]) -> tuple[int, ...]:
    return run_layers(layers, np.zeros((1, frame_shape[2], *frame_shape[:2]))).shape[1:]
