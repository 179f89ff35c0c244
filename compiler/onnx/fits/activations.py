"""A draft on calibration frames: run as it is, and with its activations fitted one after the other."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.errors import NetworkError
from common.plan.layers import Array, Joining, Layer, Multiply, Polynomial, Recall
from common.plan.network import frames_to_values
from compiler.onnx.draft.draft import Activation, Item, quadratic
from compiler.onnx.fits.fitting import LINE, Fit, fit
from compiler.onnx.fits.refitting import Refittable, refitted
from compiler.onnx.fits.room import Room, last_readers
from compiler.onnx.max_pooling import MaxPool, corrected

#: Values of a channel that a fit uses, at most.
_SAMPLED = 16384
#: Squarings in sequence that a fit takes, by its degree.
_SQUARINGS = {LINE: 0, 2: 1, 4: 2}


@dataclass(frozen=True)
class Sample:
    """Frames (n, h, w, c) uint8 that activations are fitted on, and how much each of them counts, (n,)."""

    frames: NDArray[np.uint8]
    weights: Array

    def some(self, most: int) -> "Sample":
        """At most so many of them, from all over: files are often sorted by label."""
        step = -(-len(self.frames) // max(1, most))
        return Sample(self.frames[::step], self.weights[::step])

    def that_fit(self, items: Sequence[Item]) -> "Sample":
        """As many of them as may be held in memory behind each item."""
        return self.some(_room(items, self.frames).fitted)


@dataclass(frozen=True)
class Recipe:
    """How a network is fitted: the degree for each of its activations, in order.

    With a `ridge`, the convolutions and dense layers behind fits are fitted again (`compiler.onnx.fits.refitting`).
    """

    degrees: tuple[int, ...]
    ridge: float | None = None


@dataclass(frozen=True)
class FittedActivation:
    """What stands for an activation, and how well; `places` are those of its layers in the network."""

    activation: Activation
    fit: Fit
    places: tuple[int, ...]


@dataclass(frozen=True)
class FittedNetwork:
    """Layers in place of a draft's items, and the fits of its activations."""

    layers: tuple[Layer, ...]
    activations: tuple[FittedActivation, ...]

    @property
    def degrees(self) -> tuple[int, ...]:
        """The degree of each activation's fit."""
        return tuple(each.fit.degree for each in self.activations)


def scores(items: Sequence[Item], frames: NDArray[np.uint8], progress: Callable[[], None]) -> Array:
    """Scores (n, labels) with the exact activations; `progress` is called after each frame."""
    found = []
    for chunk in _chunks(items, frames):
        last = chunk
        for _, given in _run(items, chunk):
            last = given
        found.append(last)
        for _ in range(len(chunk)):
            progress()
    return np.concatenate(found)


def values_of(frames: NDArray[np.uint8]) -> Array:
    """Frames (n, h, w, c) as the input's values, (n, c, h, w)."""
    return frames_to_values(frames, (frames.shape[1], frames.shape[2], frames.shape[3]))


def count_activations(items: Sequence[Item]) -> int:
    """How many activations there are to fit."""
    return sum(isinstance(item, Activation) for item in items)


def fit_activations(
    items: Sequence[Item], sample: Sample, recipe: Recipe, progress: Callable[[], None]
) -> FittedNetwork:
    """Layers in place of the items, each activation fitted on what those fitted before it give.

    A fit's targets are the original network's, so that it makes up for the errors of those before it: of the
    labels of a small ReLU network on MNIST, 98 % agree this way, and 92 % with the activation of the inexact
    values as the target. `progress` is called after each item.
    """
    layers: list[Layer] = []
    fitted: list[FittedActivation] = []
    places = {-1: -1}  # of items among the layers: a fit of degree 4 takes two
    readers = last_readers(items)
    sample = sample.that_fit(items)
    current = exact = list(_chunks(items, sample.frames))
    kept, kept_exact = {-1: current}, {-1: exact}
    for index, item in enumerate(items):
        targets = _steps(item, exact, kept_exact)
        if isinstance(item, Activation):
            values, wanted, weights = _sampled(current, targets, sample.weights)
            result = fit(item.function, values, wanted, recipe.degrees[len(fitted)], weights)
            places_of_fit = range(len(layers), len(layers) + len(result.quadratics))
            fitted.append(FittedActivation(item, result, tuple(places_of_fit)))
            for coefficients in result.quadratics:
                layers.append(quadratic(coefficients))
                current = _steps(layers[-1], current, kept)
        elif isinstance(item, MaxPool):
            height, width = current[0].shape[2:]
            for standing in item.layers((height, width)):
                layers.append(standing)
                current = _steps(standing, current, kept)
            layers.append(corrected(*_sampled(current, targets, sample.weights)))
            current = _steps(layers[-1], current, kept)
        else:
            layer: Layer = type(item)(places[item.layer]) if isinstance(item, Joining) else item
            if isinstance(layer, Refittable) and fitted and recipe.ridge is not None:
                layer = refitted(layer, current, targets, sample.weights, recipe.ridge)
            current = _steps(item if isinstance(item, Joining) else layer, current, kept)
            layers.append(layer)
        exact = targets
        places[index] = len(layers) - 1
        if index in readers:
            kept[index], kept_exact[index] = current, exact
        if isinstance(item, Joining) and readers[item.layer] == index:
            del kept[item.layer], kept_exact[item.layer]
        progress()
    return FittedNetwork(tuple(layers), tuple(fitted))


def inputs_of(items: Sequence[Item], frames: NDArray[np.uint8], wanted: Collection[int]) -> Iterator[tuple[int, Array]]:
    """The inputs of some of the items with their indices, chunk by chunk of the frames."""
    for chunk in _chunks(items, frames):
        for index, (taken, _) in enumerate(_run(items, chunk)):
            if index in wanted:
                yield index, taken


def squarings(items: Sequence[Item], degrees: Sequence[int]) -> int:
    """Squarings in sequence, on the longest way through the network, with fits of these degrees."""
    depth, degree = {-1: 0}, iter(degrees)
    for index, item in enumerate(items):
        before = depth[index - 1]
        if isinstance(item, Recall):
            depth[index] = depth[item.layer]
        elif isinstance(item, Joining):
            depth[index] = max(before, depth[item.layer]) + isinstance(item, Multiply)
        elif isinstance(item, Activation):
            depth[index] = before + _SQUARINGS[next(degree)]
        else:
            depth[index] = before + (isinstance(item, Polynomial) and bool(item.a.any()))
    return depth[len(items) - 1]


def _run(items: Sequence[Item], x: Array) -> Iterator[tuple[Array, Array]]:
    """What each of the items takes and gives, in order, for inputs x (n, c, h, w)."""
    readers, kept = last_readers(items), {-1: x}
    for index, item in enumerate(items):
        given = _step(item, x, kept[item.layer] if isinstance(item, Joining) else x)
        yield x, given
        x = given
        if index in readers:
            kept[index] = x
        if isinstance(item, Joining) and readers[item.layer] == index:
            del kept[item.layer]


def _steps(item: Item, chunks: list[Array], kept: dict[int, list[Array]]) -> list[Array]:
    others = kept[item.layer] if isinstance(item, Joining) else chunks
    return [_step(item, x, other) for x, other in zip(chunks, others, strict=True)]


def _step(item: Item, x: Array, other: Array) -> Array:
    with np.errstate(all="ignore"):
        if isinstance(item, Joining):
            result: Array = item.joined(x, other)
        else:
            result = item.function.apply(x) if isinstance(item, Activation) else item.forward(x)
    if not np.isfinite(result).all():
        what = str(item.node) if isinstance(item, Activation) else type(item).__name__
        raise NetworkError(
            f"values overflow, or aren't defined, in {what} on the calibration frames; keep its inputs where it is"
            " defined, with normalisation before it"
        )
    return result


def _room(items: Sequence[Item], frames: NDArray[np.uint8]) -> Room:
    return Room.of(items, (frames.shape[3], frames.shape[1], frames.shape[2]))


def _chunks(items: Sequence[Item], frames: NDArray[np.uint8]) -> Iterator[Array]:
    count = _room(items, frames).passing
    for start in range(0, len(frames), count):
        yield values_of(frames[start : start + count])


def _sampled(current: Sequence[Array], targets: Sequence[Array], weights: Array) -> tuple[Array, Array, Array]:
    """Values and targets (channels, n) of a layer, at most `_SAMPLED` of each channel, and the weights of their frames.

    They are drawn at random; weights are 1 on average.
    """
    channels = current[0].shape[1]
    values, wanted = (
        np.concatenate([np.moveaxis(chunk, 1, 0).reshape(channels, -1) for chunk in chunks], axis=1)
        for chunks in (current, targets)
    )
    by_value = np.repeat(weights, values.shape[1] // len(weights))
    if values.shape[1] > _SAMPLED:
        chosen = np.random.default_rng(0).choice(values.shape[1], _SAMPLED, replace=False)
        values, wanted, by_value = values[:, chosen], wanted[:, chosen], by_value[chosen]
    return values, wanted, by_value / by_value.mean()
