"""Networks to train from the beginning, for frames of any size and any labels: `--recipe small` and `--recipe medium`.

Their forms are those of `digits` and `scenes`, which the encrypted evaluation is fast at (`models.training.digits`,
`models.training.scenes`).
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from common.errors import ConfigurationError
from common.pictures.fitting import FrameShape
from common.plan.layers import Add, Array, AvgPool2d, BatchNorm, Conv2d, Crop, Dense, Flatten, Layer, Polynomial
from common.plan.network import Network
from models.training.layered import Augmentation
from models.training.trainable import Recipe

#: Of `small`: channels of the convolution, units of the hidden layer, and places of the kernel in a row, about.
_SMALL_CHANNELS, _HIDDEN, _PLACES = 32, 64, 11
#: Of `small`: pixels of a frame's side that belong to a step of the kernel; the kernel is two steps wide.
_SIDE_OF_STEP = 14
#: Of `medium`: channels of each convolution, and pixels of a side that are averaged before the scores.
_MEDIUM_CHANNELS, _POOL = 64, 2
#: Of `medium`: kernel, stride and padding of each convolution, and the one behind which the sum with an earlier is.
_CONVOLUTIONS, _SUM_BEHIND, _SUMMED = ((4, 2, 1), (3, 2, 1), (3, 1, 1), (3, 1, 1), (3, 1, 1)), 3, 1
#: Pixels of a frame's side: at least, and at most; beyond, a plan takes minutes and gigabytes.
_LEAST_SIDE, _MOST_SIDE = 12, 64
#: What a side of `medium`'s frames is a multiple of: it is halved twice, and then averaged.
_MULTIPLE = 4 * _POOL


class OwnRecipe(NamedTuple):
    """How a network is made and trained; `steps` is the number of batches that training takes, at least."""

    build: Callable[[str, FrameShape, Sequence[str], int], Network]
    frame_shape: FrameShape
    training: Recipe
    augmentation: Augmentation
    steps: int
    epochs: int


def small(name: str, frame_shape: FrameShape, labels: Sequence[str], seed: int) -> Network:
    """An untrained network like `digits`: one convolution and one hidden layer, on the middle of the frame.

    Raises `ConfigurationError` for frames that are too small or too large.
    """
    height, width, channels = _checked(frame_shape)
    rng = np.random.default_rng(seed)
    step = max(1, round(max(height, width) / _SIDE_OF_STEP))
    kernel = 2 * step
    seen = [min(side, (_PLACES - 1) * step + kernel) for side in (height, width)]
    places = [(side - kernel) // step + 1 for side in seen]
    features = _SMALL_CHANNELS * math.prod(places)
    layers: list[Layer] = [
        Crop((height - seen[0]) // 2, (width - seen[1]) // 2, seen[0], seen[1]),
        Conv2d(_random(rng, _SMALL_CHANNELS, channels, kernel, kernel), np.zeros(_SMALL_CHANNELS), step),
        *_activation(_SMALL_CHANNELS),
        Flatten(),
        Dense(_random(rng, _HIDDEN, features), np.zeros(_HIDDEN)),
        *_activation(_HIDDEN),
        Dense(_random(rng, len(labels), _HIDDEN), np.zeros(len(labels))),
    ]
    return Network(name, frame_shape, tuple(labels), tuple(layers))


def medium(name: str, frame_shape: FrameShape, labels: Sequence[str], seed: int) -> Network:
    """An untrained network like `scenes`: five convolutions, the fourth one with a sum.

    Raises `ConfigurationError` for frames that are too small or too large, or whose sides can't be halved often enough.
    """
    height, width, channels = _checked(frame_shape)
    if height % _MULTIPLE or width % _MULTIPLE:
        raise ConfigurationError(
            f"frame_size is {height}x{width}; for medium both numbers are multiples of {_MULTIPLE}, such as 32x32"
        )
    rng = np.random.default_rng(seed)
    neutral = np.ones(channels), np.zeros(channels)
    layers: list[Layer] = [BatchNorm(np.full(channels, 0.5), np.full(channels, 0.08), *neutral)]
    activated: list[int] = []  # the places of the activations, by convolution
    for index, (kernel, stride, padding) in enumerate(_CONVOLUTIONS):
        weight = _random(rng, _MEDIUM_CHANNELS, _MEDIUM_CHANNELS if index else channels, kernel, kernel)
        layers.append(Conv2d(weight, np.zeros(_MEDIUM_CHANNELS), stride, padding))
        if index == _SUM_BEHIND:
            layers.append(Add(activated[_SUMMED]))
        layers += _activation(_MEDIUM_CHANNELS)
        activated.append(len(layers) - 1)
    features = _MEDIUM_CHANNELS * math.prod(side // _MULTIPLE for side in (height, width))
    scores = Dense(_random(rng, len(labels), features), np.zeros(len(labels)))
    layers += [AvgPool2d(_POOL, _POOL), Flatten(), scores]
    return Network(name, frame_shape, tuple(labels), tuple(layers))


#: The recipes by name.
RECIPES = {
    "small": OwnRecipe(
        small, (28, 28, 1), Recipe(batch=64, label_smoothing=0.02), Augmentation(), steps=2000, epochs=30
    ),
    "medium": OwnRecipe(
        medium,
        (32, 32, 3),
        # As of `scenes`: squares of squares grow, so what lies far out is penalised.
        Recipe(
            batch=64, label_smoothing=0.05, weight_decay=2e-2, rise=0.2, settling=0.8, range_penalty=0.5, bfloat16=True
        ),
        Augmentation(shift=0.1),
        steps=1500,
        epochs=30,
    ),
}


def _checked(frame_shape: FrameShape) -> FrameShape:
    height, width, _ = frame_shape
    if not all(_LEAST_SIDE <= side <= _MOST_SIDE for side in (height, width)):
        raise ConfigurationError(
            f"frame_size is {height}x{width}; give sides from {_LEAST_SIDE} to {_MOST_SIDE} pixels, such as 28x28"
        )
    return frame_shape


def _activation(channels: int) -> tuple[Layer, Layer]:
    """Batch norm and a·x² + b·x, which starts close to a rectifier."""
    ones, zeros = np.ones(channels), np.zeros(channels)
    return BatchNorm(zeros, ones, ones, zeros), Polynomial(ones / 4, ones / 2, zeros)


def _random(rng: np.random.Generator, *shape: int) -> Array:
    """Weights of a layer, uniform and the smaller the more inputs it has: PyTorch's own start."""
    bound = 1 / math.sqrt(math.prod(shape[1:]))
    return rng.uniform(-bound, bound, shape)
