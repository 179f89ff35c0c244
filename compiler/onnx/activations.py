"""A draft on calibration frames: run as it is, and with its activations fitted one after the other."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.errors import NetworkError
from common.plan.layers import Add, Array, Layer, Polynomial, Recall
from common.plan.network import frames_to_values
from compiler.onnx.draft import Activation, Item, quadratic
from compiler.onnx.fitting import DEGREES, Fit, fit
from compiler.onnx.max_pooling import MaxPool, corrected

#: Frames that pass a layer at a time: a convolution copies each window that it sees.
_CHUNK = 32
#: Frames that activations are fitted on, at most.
_MOST_FRAMES = 1000
#: Values of one layer's output, over all frames that activations are fitted on, at most.
_MOST_VALUES = 2**23
#: Values of a channel that a fit uses, at most.
_SAMPLED = 16384


@dataclass(frozen=True)
class FittedActivation:
    """What stands for an activation, and how well."""

    activation: Activation
    fit: Fit


def scores(items: Sequence[Item], frames: NDArray[np.uint8], progress: Callable[[], None]) -> Array:
    """Scores (n, labels) with the exact activations; `progress` is called after each frame."""
    return np.concatenate([_forward(items, chunk, progress) for chunk in _chunks(frames)])


def fit_activations(
    items: Sequence[Item], frames: NDArray[np.uint8], degree: int, progress: Callable[[], None]
) -> tuple[tuple[Layer, ...], list[FittedActivation]]:
    """Layers in place of the items, each activation fitted on what those fitted before it give.

    A fit's targets are the original network's, so that it makes up for the errors of those before it: of the
    labels of a small ReLU network on MNIST, 98 % agree this way, and 92 % with the activation of the inexact
    values as the target. `progress` is called after each item.
    """
    layers: list[Layer] = []
    fitted: list[FittedActivation] = []
    places = {-1: -1}  # of items among the layers: a fit of degree 4 takes two
    recalled = _recalled(items)
    current = exact = list(_chunks(_some(items, frames)))
    kept, kept_exact = {-1: current}, {-1: exact}
    for index, item in enumerate(items):
        targets = _steps(item, exact, kept_exact)
        if isinstance(item, Activation):
            result = fit(item.function, _sampled(current), _sampled(targets), degree)
            fitted.append(FittedActivation(item, result))
            for coefficients in result.quadratics:
                layers.append(quadratic(coefficients))
                current = _steps(layers[-1], current, kept)
        elif isinstance(item, MaxPool):
            height, width = current[0].shape[2:]
            for layer in item.layers((height, width)):
                layers.append(layer)
                current = _steps(layer, current, kept)
            layers.append(corrected(_sampled(current), _sampled(targets)))
            current = _steps(layers[-1], current, kept)
        else:
            current = _steps(item, current, kept)
            layers.append(type(item)(places[item.layer]) if isinstance(item, Recall | Add) else item)
        exact = targets
        places[index] = len(layers) - 1
        if index in recalled:
            kept[index], kept_exact[index] = current, exact
        progress()
    return tuple(layers), fitted


def squarings(items: Sequence[Item], degree: int) -> int:
    """Squarings in sequence, on the longest way through the network, with fits of this degree."""
    depth = {-1: 0}
    for index, item in enumerate(items):
        before = depth[index - 1]
        if isinstance(item, Recall):
            depth[index] = depth[item.layer]
        elif isinstance(item, Add):
            depth[index] = max(before, depth[item.layer])
        elif isinstance(item, Activation):
            depth[index] = before + 1 + DEGREES.index(degree)
        else:
            depth[index] = before + isinstance(item, Polynomial)
    return depth[len(items) - 1]


def _forward(items: Sequence[Item], x: Array, progress: Callable[[], None]) -> Array:
    count, recalled, kept = len(x), _recalled(items), {-1: x}
    for index, item in enumerate(items):
        other = kept[item.layer] if isinstance(item, Recall | Add) else x
        x = _step(item, x, other)
        if index in recalled:
            kept[index] = x
    for _ in range(count):
        progress()
    return x


def _steps(item: Item, chunks: list[Array], kept: dict[int, list[Array]]) -> list[Array]:
    others = kept[item.layer] if isinstance(item, Recall | Add) else chunks
    return [_step(item, x, other) for x, other in zip(chunks, others, strict=True)]


def _step(item: Item, x: Array, other: Array) -> Array:
    if isinstance(item, Recall):
        return other
    if isinstance(item, Add):
        return x + other
    with np.errstate(over="ignore", invalid="ignore"):
        result = item.function.apply(x) if isinstance(item, Activation) else item.forward(x)
    if not np.isfinite(result).all():
        what = str(item.node) if isinstance(item, Activation) else type(item).__name__
        raise NetworkError(f"values overflow in {what} on the calibration frames; normalise activations before it")
    return result


def _recalled(items: Sequence[Item]) -> set[int]:
    return {item.layer for item in items if isinstance(item, Recall | Add)}


def _chunks(frames: NDArray[np.uint8]) -> Iterator[Array]:
    for start in range(0, len(frames), _CHUNK):
        yield frames_to_values(frames[start : start + _CHUNK], (frames.shape[1], frames.shape[2], frames.shape[3]))


def _some(items: Sequence[Item], frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Frames from all over, as many as fit: files are often sorted by label."""
    largest, x = 1, next(_chunks(frames[:1]))
    kept = {-1: x}
    for index, item in enumerate(items):
        x = _step(item, x, kept[item.layer] if isinstance(item, Recall | Add) else x)
        kept[index] = x
        largest = max(largest, x.size)
    count = max(1, min(_MOST_FRAMES, _MOST_VALUES // largest))
    return frames[:: -(-len(frames) // count)]


def _sampled(chunks: Sequence[Array]) -> Array:
    """Values (channels, n) of a layer's outputs, at most `_SAMPLED` of each channel, at random."""
    channels = chunks[0].shape[1]
    values = np.concatenate([np.moveaxis(chunk, 1, 0).reshape(channels, -1) for chunk in chunks], axis=1)
    if values.shape[1] <= _SAMPLED:
        return values
    return values[:, np.random.default_rng(0).choice(values.shape[1], _SAMPLED, replace=False)]
