"""The layer that gives a tensor's elements out of its base: one that has a name where it does, else a sparse matrix."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.plan.layers import Array, Crop, Flatten, Linear, Plain
from compiler.onnx.tensor import Tensor


def selection(tensor: Tensor, shape: tuple[int, ...]) -> Plain:
    """The layer that gives a tensor's elements in their order, as (channels, height, width) or (features,)."""
    if len(shape) == 1 and len(tensor.shape) == 3 and (tensor.in_order or is_channels_last(tensor)):
        return Flatten(channels_last=not tensor.in_order)
    if (crop := _crop(tensor)) is not None:
        return crop
    size = tensor.size
    return sparse(np.arange(size), tensor.places.reshape(-1), np.ones(size), np.zeros(size), shape)


def is_channels_last(tensor: Tensor) -> bool:
    """Whether the elements are all of a base of channels, height and width, in the order height, width, channels."""
    size = int(np.prod(tensor.shape))
    order = np.moveaxis(np.arange(size).reshape(tensor.shape), 0, -1)
    return tensor.size == size and bool(np.array_equal(tensor.places.reshape(-1), order.reshape(-1)))


def sparse(rows: NDArray[Any], columns: NDArray[Any], values: Array, bias: Array, shape: tuple[int, ...]) -> Linear:
    """A sparse matrix whose weights come in any order."""
    order = np.argsort(rows, kind="stable")
    return Linear(rows[order].astype(np.int32), columns[order].astype(np.int32), values[order], bias, shape)


def _crop(tensor: Tensor) -> Crop | None:
    """The window that a tensor of channels, height and width is of its base; None where it is none."""
    if not len(tensor.shape) == len(tensor.dimensions) == 3 or tensor.dimensions[0] != tensor.shape[0]:
        return None
    top, left = divmod(int(tensor.places[0, 0, 0]), tensor.shape[2])
    _, height, width = tensor.dimensions
    order = np.arange(int(np.prod(tensor.shape))).reshape(tensor.shape)
    window = order[:, top : top + height, left : left + width]
    return Crop(top, left, height, width) if np.array_equal(window, tensor.places) else None
