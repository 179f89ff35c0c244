"""Layers with names of their own that give a tensor's elements out of its base."""

import numpy as np

from common.plan.layers import Crop, Flatten, Plain
from compiler.onnx.draft.tensor import Tensor


def our_shape(dimensions: tuple[int, ...]) -> tuple[int, ...]:
    """Three dimensions are channels, height and width; others are features."""
    return dimensions if len(dimensions) == 3 else (int(np.prod(dimensions)),)


def selection(tensor: Tensor, shape: tuple[int, ...]) -> Plain | None:
    """What gives a tensor's elements in their order, as (channels, height, width) or (features,); None for a matrix."""
    if len(shape) == 1 and len(tensor.shape) == 3 and (tensor.in_order or is_channels_last(tensor)):
        return Flatten(channels_last=not tensor.in_order)
    return _crop(tensor)


def is_channels_last(tensor: Tensor) -> bool:
    """Whether the elements are all of a base of channels, height and width, in the order height, width, channels."""
    size = int(np.prod(tensor.shape))
    order = np.moveaxis(np.arange(size).reshape(tensor.shape), 0, -1)
    return tensor.size == size and bool(np.array_equal(tensor.places.reshape(-1), order.reshape(-1)))


def _crop(tensor: Tensor) -> Crop | None:
    """The window that a tensor of channels, height and width is of its base; None where it is none."""
    if not len(tensor.shape) == len(tensor.dimensions) == 3 or tensor.dimensions[0] != tensor.shape[0]:
        return None
    top, left = divmod(int(tensor.places[0, 0, 0]), tensor.shape[2])
    _, height, width = tensor.dimensions
    order = np.arange(int(np.prod(tensor.shape))).reshape(tensor.shape)
    window = order[:, top : top + height, left : left + width]
    return Crop(top, left, height, width) if np.array_equal(window, tensor.places) else None
