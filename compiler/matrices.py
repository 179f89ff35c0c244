"""Layers that are affine, as sparse matrices."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from common.errors import CapacityError
from common.plan.layers import (
    Array,
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
    Plain,
    Polynomial,
    pair,
    windows,
)
from common.plan.shapes import Shape

#: scipy.sparse.csr_array, which has no type information.
Matrix = Any
#: Weights of a layer's matrix, at most: no stage has more to lay out (`compiler.transform`).
_MOST_WEIGHTS = 1 << 27


def affine_map(layer: Plain, shape: Shape) -> tuple[Matrix, Array, Shape]:
    """Matrix (out, in), constant (out,) and output shape of an affine layer for inputs of this shape.

    A `Polynomial` is taken to have a = 0. The layer's own forward pass gives constant and shape,
    and raises what it raises for an input that doesn't fit. Raises `CapacityError` for a matrix of too many weights.
    """
    zero = layer.forward(np.zeros((1, *shape)))
    weights = matrix_weights(layer, shape, zero.shape[1:])
    if weights > _MOST_WEIGHTS:
        raise CapacityError(
            f"{type(layer).__name__} of {shape} is a matrix of {weights:,} weights; at most {_MOST_WEIGHTS:,} can be "
            "laid out in slots. Use smaller frames, fewer channels or larger strides, or run the first layers on the "
            "device (--encrypt-from)"
        )
    match layer:
        case Conv2d():
            matrix = _convolution(layer, shape)
        case AvgPool2d():
            matrix = _average(layer, shape)
        case GlobalAvgPool2d():
            size = int(np.prod(shape[1:]))
            matrix = sparse.kron(sparse.eye_array(shape[0]), np.full((1, size), 1 / size))
        case Dense():
            matrix = sparse.csr_array(np.asarray(layer.weight, dtype=np.float64))
        case BatchNorm():
            matrix = sparse.diags_array(spread(layer.gamma / np.sqrt(layer.variance + layer.epsilon), shape))
        case Polynomial():
            matrix = sparse.diags_array(spread(layer.b, shape))
        case Linear(rows=rows, columns=columns, values=values):
            matrix = _matrix(rows, columns, values, (zero.size, int(np.prod(shape))))
        case Crop() | Pad2d() | Flatten():
            matrix = _selection(layer, shape)
    return sparse.csr_array(matrix), zero.reshape(-1), zero.shape[1:]


def matrix_weights(layer: Layer, before: Shape, after: Shape) -> int:
    """Weights of a layer's matrix, for inputs and outputs of these shapes; none where it isn't affine, or joins two."""
    if isinstance(layer, Conv2d | Dense):
        return int(np.prod(after)) * int(np.prod(layer.weight.shape[1:]))
    if isinstance(layer, Linear):
        return len(layer.rows)
    return 0 if isinstance(layer, Joining | Polynomial) else int(np.prod(before))


def spread(values: NDArray[Any], shape: Shape) -> Array:
    """Per-channel values as one per element of a tensor of this shape."""
    return np.repeat(np.asarray(values, dtype=np.float64), int(np.prod(shape[1:])))


def _numbers(shape: Shape) -> Array:
    """A tensor whose elements are their own indices from 1 on, so that 0 is padding."""
    return np.arange(1, np.prod(shape) + 1, dtype=np.float64).reshape(1, *shape)


def _selection(layer: Crop | Pad2d | Flatten, shape: Shape) -> Matrix:
    source = layer.forward(_numbers(shape)).reshape(-1).astype(int) - 1
    rows = np.flatnonzero(source >= 0)
    return _matrix(rows, source[rows], np.ones(len(rows)), (source.size, int(np.prod(shape))))


def _convolution(layer: Conv2d, shape: Shape) -> Matrix:
    indices = windows(_numbers(shape), layer.weight.shape[2:], layer.stride, layer.padding, layer.dilation)[0]
    indices = np.moveaxis(indices.astype(int) - 1, 0, 2)  # (out height, out width, c, kernel height, kernel width)
    out, per_group = layer.weight.shape[:2]
    height, width = indices.shape[:2]
    group = np.arange(out) // (out // layer.groups)
    channel = group[:, None] * per_group + np.arange(per_group)  # (out, in / groups)
    columns = np.moveaxis(indices[:, :, channel], 2, 0)  # (out, out height, out width, in / groups, kernel)
    rows = np.arange(out * height * width).reshape(out, height, width, 1, 1, 1)
    values = np.broadcast_to(layer.weight[:, None, None], columns.shape)
    rows = np.broadcast_to(rows, columns.shape)
    used = (columns >= 0) & (values != 0)
    return _matrix(rows[used], columns[used], values[used], (out * height * width, int(np.prod(shape))))


def _average(layer: AvgPool2d, shape: Shape) -> Matrix:
    indices = windows(_numbers(shape), pair(layer.kernel), layer.stride, layer.padding)[0].astype(int) - 1
    count = indices.size // int(np.prod(indices.shape[3:]))
    columns = indices.reshape(count, -1)
    rows = np.broadcast_to(np.arange(count)[:, None], columns.shape)
    divisors = np.tile(layer.divisors(shape[1:]).reshape(-1), shape[0])
    values = np.broadcast_to(1 / divisors[:, None], columns.shape)
    used = columns >= 0
    return _matrix(rows[used], columns[used], values[used], (count, int(np.prod(shape))))


def _matrix(rows: NDArray[Any], columns: NDArray[Any], values: NDArray[Any], shape: Sequence[int]) -> Matrix:
    return sparse.csr_array((np.asarray(values, dtype=np.float64), (rows, columns)), shape=tuple(shape))
