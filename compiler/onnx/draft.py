"""The network while it is being converted: layers, and activations and max pooling that others will stand for."""

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from common.errors import NetworkError
from common.plan.layers import Add, Array, BatchNorm, Flatten, Layer, Plain, Polynomial, Recall
from common.plan.shapes import layer_shape
from compiler.onnx.max_pooling import MaxPool
from compiler.onnx.pointwise import Pointwise, identity, two_quadratics


class Layout(Enum):
    """How ONNX's dimensions, after the batch, stand for ours: (channels, height, width) or (features,)."""

    CHANNELS_FIRST = "channels, height, width"
    CHANNELS_LAST = "height, width, channels"
    PLANE = "height, width"
    FLAT = "features"


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor of the graph: `function` of each value of the draft's item `base`, -1 for the input.

    `shape` is ours, without the batch: (channels, height, width) or (features,).
    """

    base: int
    function: Pointwise
    shape: tuple[int, ...]
    layout: Layout

    @property
    def dimensions(self) -> tuple[int, ...]:
        """The shape as ONNX sees it, without the batch."""
        if self.layout is Layout.CHANNELS_LAST:
            return (*self.shape[1:], self.shape[0])
        return self.shape[1:] if self.layout is Layout.PLANE else self.shape


@dataclass(frozen=True, eq=False)
class Activation:
    """An activation that `Polynomial` layers can't compute exactly."""

    function: Pointwise

    @property
    def node(self) -> str:
        """The name of the node that completes it."""
        return self.function.steps[-1].node

    @property
    def kind(self) -> str:
        """What it is, for people: its operators in order."""
        operators = ", ".join(step.operator for step in self.function.steps)
        degree = self.function.degree
        return operators if degree is None else f"{operators}: polynomial of degree {degree}"


Item = Layer | Activation | MaxPool


class Draft:
    """Layers and activations in order, each fed by the one before it unless `Recall` says otherwise."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self._shapes: dict[int, tuple[int, ...]] = {}
        self._materialised: dict[tuple[int, Pointwise], int] = {}

    def start(self, shape: tuple[int, ...], layout: Layout) -> Tensor:
        """The input, of shape (channels, height, width)."""
        self._shapes[-1] = shape
        return self._tensor(-1, layout)

    def apply(self, layer: Plain, tensor: Tensor, layout: Layout | None = None) -> Tensor:
        """The tensor behind a layer; `layout` where the layer changes it."""
        source = self.materialise(tensor)
        output = layer_shape(layer, self._shapes[source])
        return self._tensor(self._append(layer, source, output), layout or tensor.layout)

    def pool(self, pool: MaxPool, tensor: Tensor) -> Tensor:
        """The tensor behind max pooling."""
        source = self.materialise(tensor)
        output = self._shapes[source]
        for layer in pool.layers((output[1], output[2])):
            output = layer_shape(layer, output)
        return self._tensor(self._append(pool, source, output), tensor.layout)

    def add(self, first: Tensor, second: Tensor) -> Tensor:
        """The sum of two tensors of the same shape, a residual connection."""
        if first.shape != second.shape or first.layout != second.layout:
            raise NetworkError(
                f"it adds shapes {first.dimensions} ({first.layout.value}) and "
                f"{second.dimensions} ({second.layout.value}); residual sums need the same"
            )
        sources = self.materialise(first), self.materialise(second)
        last, other = max(sources), min(sources)
        return self._tensor(self._append(Add(other), last, self._shapes[last]), first.layout)

    def flatten(self, tensor: Tensor) -> Tensor:
        """Features, in the order in which ONNX's dimensions stand."""
        if tensor.layout is Layout.FLAT:
            return tensor
        channels_last = tensor.layout is Layout.CHANNELS_LAST and not order_is_moot(tensor.shape)
        return self.apply(Flatten(channels_last), tensor, Layout.FLAT)

    def materialise(self, tensor: Tensor) -> int:
        """The index of the item whose output the tensor is; made here where it is still a formula."""
        function = tensor.function
        if function.is_identity:
            return tensor.base
        key = (tensor.base, function)
        if key not in self._materialised:
            index = tensor.base
            for item in _items(function):
                index = self._append(item, index, tensor.shape)
            self._materialised[key] = index
        return self._materialised[key]

    def _append(self, item: Item, source: int, shape: tuple[int, ...]) -> int:
        if source != len(self.items) - 1:
            self.items.append(Recall(source))
            self._shapes[len(self.items) - 1] = self._shapes[source]
        self.items.append(item)
        self._shapes[len(self.items) - 1] = shape
        return len(self.items) - 1

    def finish(self, tensor: Tensor) -> int:
        """Make `tensor` the last item's output, as scores; their number."""
        flat = self.flatten(tensor)
        index = self.materialise(flat)
        if index != len(self.items) - 1:
            self.items.append(Recall(index))
        return flat.shape[0]

    def _tensor(self, index: int, layout: Layout) -> Tensor:
        shape = self._shapes[index]
        return Tensor(index, identity(shape[0]), shape, layout)


def order_is_moot(shape: tuple[int, ...]) -> bool:
    """Whether channels first and channels last are the same order of values."""
    return shape[0] == 1 or int(np.prod(shape[1:])) == 1


def reshaped(draft: Draft, tensor: Tensor, target: tuple[int, ...]) -> Tensor:
    """`tensor` with ONNX's dimensions `target`, without the batch, when that only flattens or names anew."""
    if target == tensor.dimensions:
        return tensor
    if int(np.prod(target)) == int(np.prod(tensor.shape)):
        if len(target) == 1:
            return draft.flatten(tensor)
        for layout in (Layout.CHANNELS_FIRST, Layout.CHANNELS_LAST, Layout.PLANE):
            if tensor.layout is Layout.FLAT or (layout is Layout.PLANE and tensor.shape[0] != 1):
                continue
            renamed = replace(tensor, layout=layout)
            same_order = Layout.CHANNELS_LAST not in (layout, tensor.layout) or order_is_moot(tensor.shape)
            if renamed.dimensions == target and same_order:
                return renamed
    raise NetworkError(
        f"it turns {tensor.dimensions} of each frame into {target}; shapes may only be flattened, to (batch, features)"
    )


def per_channel(values: NDArray[np.generic], tensor: Tensor) -> Array:
    """A constant that meets `tensor` as one value for each channel. Raises `NetworkError` where it varies within."""
    dimensions = tensor.dimensions
    if values.ndim == len(dimensions) + 1 and values.shape[0] == 1:
        values = values[0]
    try:
        full = np.broadcast_to(values.astype(np.float64), dimensions)
    except ValueError as error:
        raise NetworkError(f"its constant of shape {values.shape} doesn't fit {dimensions} of each frame") from error
    if tensor.layout is Layout.PLANE:
        full = full[None]
    elif tensor.layout is Layout.CHANNELS_LAST:
        full = np.moveaxis(full, -1, 0)
    full = full.reshape(len(full), -1)
    if np.any(full != full[:, :1]):
        raise NetworkError("its constant differs between positions of a channel; give one value for each channel")
    return full[:, 0].copy()


def _items(function: Pointwise) -> list[Item]:
    """What computes a function of each value: layers where they are exact, else an activation to fit."""
    coefficients, degree = function.coefficients, function.degree
    if coefficients is not None and degree == 1:
        shift, factor = coefficients
        return [BatchNorm(np.zeros_like(factor), np.ones_like(factor), factor, shift, epsilon=0.0)]
    if coefficients is not None and degree == 2 and coefficients[2].all():
        return [quadratic(coefficients)]
    if coefficients is not None and (pair := two_quadratics(coefficients)) is not None:
        return [quadratic(part) for part in pair]
    return [Activation(function)]


def quadratic(coefficients: Array) -> Polynomial:
    """The layer with these coefficients (3, channels), constant first."""
    c, b, a = coefficients
    return Polynomial(a, b, c)
