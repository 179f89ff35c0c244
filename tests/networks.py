"""Random networks, for tests that hold for every network.

Hypothesis draws the structure, so failures shrink to few layers; a drawn seed gives the weights.
"""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from common.layers import AvgPool2d, BatchNorm, Conv2d, Crop, Dense, Flatten, Layer, Polynomial
from common.network import Network

Frames = NDArray[np.uint8]
_SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def networks(draw: st.DrawFn, largest_side: int = 9, most_stages: int = 3) -> Network:
    """One to `most_stages` linear stages of random layers, with activations a·x² + b·x + c between them."""
    rng = np.random.default_rng(draw(_SEEDS))
    shape = (draw(st.integers(1, 3)), draw(st.integers(3, largest_side)), draw(st.integers(3, largest_side)))
    frame_shape = (shape[1], shape[2], shape[0])
    layers: list[Layer] = []
    if draw(st.booleans()):
        layers.append(_crop(draw, shape))
    stages = draw(st.integers(1, most_stages))
    convolutions = draw(st.integers(0, stages - 1))
    for _ in range(convolutions):
        layers += _spatial_layers(draw, rng, _output_shape(frame_shape, layers))
        layers.append(random_polynomial(rng, _output_shape(frame_shape, layers)[0]))
    if draw(st.booleans()):
        layers += _spatial_layers(draw, rng, _output_shape(frame_shape, layers))
    layers.append(Flatten())
    for remaining in range(stages - convolutions, 0, -1):
        (features,) = _output_shape(frame_shape, layers)
        width = draw(st.integers(1, 12))
        layers.append(random_dense(rng, width, features))
        if remaining > 1:
            if draw(st.booleans()):
                layers.append(random_batch_norm(rng, width))
            layers.append(random_polynomial(rng, width))
    (width,) = _output_shape(frame_shape, layers)
    return Network("random", frame_shape, tuple(f"label {index}" for index in range(width)), tuple(layers))


def random_frames(network: Network, count: int, seed: int = 0) -> Frames:
    """Frames of noise, of the size that the network takes."""
    return np.random.default_rng(seed).integers(0, 256, (count, *network.frame_shape), dtype=np.uint8)


def random_conv(rng: np.random.Generator, out: int, channels: int, kernel: tuple[int, int], **options: int) -> Conv2d:
    weight = rng.normal(size=(out, channels, *kernel)) / np.sqrt(channels * kernel[0] * kernel[1])
    return Conv2d(weight, rng.normal(size=out) / 4, **options)


def random_dense(rng: np.random.Generator, out: int, features: int) -> Dense:
    return Dense(rng.normal(size=(out, features)) / np.sqrt(features), rng.normal(size=out) / 4)


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


def _spatial_layers(draw: st.DrawFn, rng: np.random.Generator, shape: tuple[int, ...]) -> list[Layer]:
    channels, height, width = shape
    kernel = (draw(st.integers(1, min(3, height))), draw(st.integers(1, min(3, width))))
    out = draw(st.integers(1, 4))
    layers: list[Layer] = [
        random_conv(rng, out, channels, kernel, stride=draw(st.integers(1, 2)), padding=draw(st.integers(0, 1)))
    ]
    if draw(st.booleans()):
        layers.append(random_batch_norm(rng, out))
    _, height, width = _output_shape((shape[1], shape[2], channels), layers)
    if draw(st.booleans()):
        layers.append(AvgPool2d(draw(st.integers(1, min(2, height, width))), draw(st.integers(1, 2))))
    return layers


def _crop(draw: st.DrawFn, shape: tuple[int, ...]) -> Crop:
    _, height, width = shape
    rows, columns = draw(st.integers(2, height)), draw(st.integers(2, width))
    return Crop(draw(st.integers(0, height - rows)), draw(st.integers(0, width - columns)), rows, columns)


def _output_shape(frame_shape: tuple[int, int, int], layers: list[Layer]) -> tuple[int, ...]:
    x: Any = np.zeros((1, frame_shape[2], *frame_shape[:2]))
    for layer in layers:
        x = layer.forward(x)
    return x.shape[1:]
