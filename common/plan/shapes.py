"""What shapes layers take and give, before anything is computed: so a file of a few bytes can't ask for gigabytes."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from common.errors import NetworkError
from common.plan.layers import (
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
    Pad2d,
    Padding,
    Pair,
    Plain,
    Polynomial,
    Recall,
    pair,
)

#: (channels, height, width), or (features,).
Shape = tuple[int, ...]
#: Values that a layer may compute, or copy on its way, for one frame: far more than a ciphertext has slots.
_MOST_VALUES = 2**25
#: Frames that pass the layers together, at most.
_MOST_FRAMES = 500
#: Values of one frame that layers may keep for later ones, together: each is in memory until the last layer.
_MOST_KEPT = 2**25


def output_shape(layers: Sequence[Layer], shape: Shape) -> Shape:
    """The shape behind all layers, without the batch. Raises `NetworkError` as `layer_shapes` does."""
    return layer_shapes(layers, shape)[-1]


def layer_shapes(layers: Sequence[Layer], shape: Shape) -> list[Shape]:
    """The shape of the input, and that behind each layer, without the batch.

    Raises `NetworkError`, naming the layer, where one doesn't fit, would fill the memory, or has weights that no
    network has.
    """
    shapes = [shape]
    sources = {layer.layer for layer in layers if isinstance(layer, Joining)}
    kept = 0
    for index, layer in enumerate(layers):
        try:
            shape = _joined(layer, shapes) if isinstance(layer, Joining) else layer_shape(layer, shape)
        except NetworkError as error:
            raise NetworkError(f"layer {index} ({type(layer).__name__}): {error}") from error
        shapes.append(shape)
        kept += math.prod(shape) if index in sources else 0
        if kept > _MOST_KEPT:
            raise NetworkError(
                f"up to layer {index} layers keep {kept:,} values for later ones; {_MOST_KEPT:,} at most"
            )
    return shapes


def frames_at_a_time(layers: Sequence[Layer], shape: Shape) -> int:
    """How many frames of this shape (channels, height, width) may pass the layers together, without filling the memory.

    Raises `NetworkError` as `layer_shapes` does.
    """
    sizes = [math.prod(each) for each in layer_shapes(layers, shape)]
    kept = sum(sizes[source + 1] for source in {each.layer for each in layers if isinstance(each, Joining)})
    return max(1, min(_MOST_FRAMES, _MOST_VALUES // (max(sizes) + kept)))


def layer_shape(layer: Plain, shape: Shape) -> Shape:
    """The shape behind one layer. Raises `NetworkError` as `layer_shapes` does, but for the layer's place."""
    after = _after(layer, shape)
    _require(math.prod(after) <= _MOST_VALUES, f"it gives {math.prod(after):,} values for each frame")
    return after


def _joined(layer: Joining, shapes: Sequence[Shape]) -> Shape:
    _require(-1 <= layer.layer < len(shapes) - 1, f"there is no layer {layer.layer} before it")
    shape, other = shapes[-1], shapes[layer.layer + 1]
    if not isinstance(layer, Recall):
        _require(other == shape, f"it joins shapes {shape} and {other} (layer {layer.layer})")
    return other


def _after(layer: Any, shape: Shape) -> Shape:
    match layer:
        case Dense(weight=weight, bias=bias):
            _require(len(shape) == 1, f"it takes features, not {shape}; put Flatten before it")
            _weights((weight, (len(weight), shape[0])), (bias, (len(weight),)))
            return (len(weight),)
        case BatchNorm(mean=mean, variance=variance, gamma=gamma, beta=beta, epsilon=epsilon):
            _weights(*((each, shape[:1]) for each in (mean, variance, gamma, beta)))
            _require(bool(np.all(variance + epsilon > 0)), "its variance isn't positive")
            return shape
        case Polynomial(a=a, b=b, c=c):
            _weights(*((each, shape[:1]) for each in (a, b, c)))
            return shape
        case Flatten(channels_last=False):
            return (math.prod(shape),)
        case Linear():
            return _linear(layer, math.prod(shape))
    _require(len(shape) == 3, f"it takes channels × height × width, not {shape}")
    channels, height, width = shape
    match layer:
        case Flatten():
            return (math.prod(shape),)
        case GlobalAvgPool2d():
            return channels, 1, 1
        case Crop(top=top, left=left, height=rows, width=columns):
            inside = top >= 0 and left >= 0 and top + rows <= height and left + columns <= width
            _require(inside, f"a crop of {rows}×{columns} at {top}, {left} doesn't fit in {height}×{width}")
            return channels, rows, columns
        case Pad2d(padding=padding):
            return channels, *_padded(height, width, padding)
        case AvgPool2d(kernel=kernel, stride=stride, padding=padding):
            _require(max(_around(padding)) < max(pair(kernel)), f"its padding {padding} reaches beyond its kernel")
            return channels, *_windows(channels, _padded(height, width, padding), pair(kernel), stride, 1)
        case Conv2d(weight=weight, bias=bias, groups=groups):
            _require(weight.ndim == 4, f"its weight has shape {weight.shape}")
            fits = len(weight) % groups == 0 and weight.shape[1] * groups == channels
            _require(fits, f"a weight of shape {weight.shape} in {groups} groups doesn't fit {channels} channels")
            padded, kernel = _padded(height, width, layer.padding), weight.shape[2:]
            places = _windows(channels, padded, kernel, layer.stride, layer.dilation)
            _weights((weight, weight.shape), (bias, (len(weight),)))
            return len(weight), *places
    raise NetworkError("it isn't a layer of ours")


def _linear(layer: Linear, inputs: int) -> Shape:
    shape, rows = layer.shape, layer.rows
    _require(len(shape) in (1, 3) and min(shape) > 0, f"its output's shape is {shape}")
    _require(rows.ndim == 1, f"its rows have shape {rows.shape}")
    _require(len(rows) <= _MOST_VALUES, f"it has {len(rows):,} weights; at most {_MOST_VALUES:,} may be")
    outputs = math.prod(shape)
    _weights((layer.values, rows.shape), (layer.columns, (len(rows),)), (layer.bias, (outputs,)))
    for what, places, size in (("rows", rows, outputs), ("columns", layer.columns, inputs)):
        _require(places.dtype.kind == "i", f"its {what} aren't whole numbers")
        _require(not len(places) or 0 <= places.min() <= places.max() < size, f"its {what} aren't from 0 to {size - 1}")
    _require(bool(np.all(rows[1:] >= rows[:-1])), "its rows aren't in ascending order")
    return shape


def _around(padding: Padding) -> tuple[int, int, int, int]:
    around = (padding,) * 4 if isinstance(padding, int) else padding
    _require(min(around) >= 0, f"its padding is {padding}")
    return around


def _padded(height: int, width: int, padding: Padding) -> tuple[int, int]:
    top, left, bottom, right = _around(padding)
    return height + top + bottom, width + left + right


def _windows(channels: int, size: tuple[int, int], kernel: Sequence[int], stride: Pair, dilation: Pair) -> Shape:
    """Places of a kernel, down and across; what it sees at all of them is copied once."""
    steps, gaps = pair(stride), pair(dilation)
    _require(min(*kernel, *steps, *gaps) > 0, f"kernel {tuple(kernel)}, stride {stride}, dilation {dilation}")
    spans = [(extent - 1) * gap + 1 for extent, gap in zip(kernel, gaps, strict=True)]
    _require(
        spans[0] <= size[0] and spans[1] <= size[1],
        f"a kernel of {spans[0]}×{spans[1]} doesn't fit in {size[0]}×{size[1]}",
    )
    places = tuple((extent - span) // step + 1 for extent, span, step in zip(size, spans, steps, strict=True))
    values = channels * max(math.prod(size), math.prod(places) * math.prod(kernel))
    within = values <= _MOST_VALUES
    _require(within, f"its windows take {values:,} values for each frame; at most {_MOST_VALUES:,} may be")
    return places


def _weights(*expected: tuple[Any, Shape]) -> None:
    for array, shape in expected:
        _require(array.shape == shape, f"it has weights of shape {array.shape} where {shape} belong")
        _require(bool(np.isfinite(array).all()), "it has weights that aren't finite numbers; train or import it again")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise NetworkError(otherwise)
