"""The network while it is being converted: layers, and activations and max pooling that others will stand for."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import NetworkError
from common.plan.layers import (
    Add,
    Array,
    BatchNorm,
    Indices,
    Layer,
    Linear,
    Multiply,
    Plain,
    Polynomial,
    Recall,
)
from common.plan.shapes import layer_shape
from compiler.onnx.draft.pointwise import Pointwise, constant, identity, polynomial, two_quadratics
from compiler.onnx.draft.selecting import is_channels_last, our_shape, selection
from compiler.onnx.draft.sparse import Term, Weights, all_of, joined
from compiler.onnx.draft.tensor import Tensor, broadcast, met, per_channel, require_known
from compiler.onnx.max_pooling import MaxPool

#: Weights of all sparse matrices together, at most, and values of the outputs of all layers that differ in size.
_MOST_WEIGHTS, _MOST_VALUES = 2**23, 2**25
#: Scores of a frame, at most: those of all calibration frames are in memory together, and each has a label.
_MOST_SCORES = 2**16


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
        self._computed: dict[tuple[int, Pointwise], int] = {}
        self._selected: dict[tuple[int, tuple[int, ...], bytes], int] = {}
        self._sources: dict[int, int] = {}  # what an item is fed by
        self._orders: dict[int, Indices] = {}
        self._weights = 0
        #: Tensors that were joined to a row, by the item that joins them: what decides among them may be common to all.
        self.rows: dict[int, tuple[Tensor, ...]] = {}

    def start(self, shape: tuple[int, ...]) -> Tensor:
        """The input, of shape (channels, height, width)."""
        self._shapes[-1] = shape
        return self._output(-1)

    def apply(self, layer: Plain, tensor: Tensor) -> Tensor:
        """The tensor behind a layer, which takes (channels, height, width) or features as ONNX sees them."""
        source = self.materialise(tensor)
        return self._output(self._append(layer, source, layer_shape(layer, self._shapes[source])))

    def normalise(self, layer: BatchNorm, tensor: Tensor) -> Tensor:
        """The tensor behind a layer that has a factor for each channel of its base."""
        base = self._append(layer, self.values(tensor), tensor.shape)
        return replace(tensor, base=base, function=identity(tensor.shape[0]))

    def pool(self, pool: MaxPool, tensor: Tensor) -> Tensor:
        """The tensor behind max pooling of (channels, height, width) as ONNX sees them."""
        source = self.materialise(tensor)
        shape = self._shapes[source]
        for layer in pool.layers((shape[1], shape[2])):
            shape = layer_shape(layer, shape)
        return self._output(self._append(pool, source, shape))

    def add(self, first: Tensor, second: Tensor) -> Tensor:
        """The sum of two tensors that may be broadcast, a residual connection."""
        return self._join(Add, first, second)

    def multiply(self, first: Tensor, second: Tensor) -> Tensor:
        """The product of two tensors that may be broadcast, a gate."""
        return self._join(Multiply, first, second)

    def affine(self, tensor: Tensor, factor: NDArray[Any] | None, shift: NDArray[Any] | None) -> Tensor:
        """factor · x + shift, of constants that may be broadcast and differ between positions."""
        for values, is_factor in ((factor, True), (shift, False)):
            if values is None:
                continue
            tensor, full = met(tensor, values)
            channels = per_channel(full, tensor)
            if channels is not None:
                function = tensor.function
                other = constant(channels)
                tensor = replace(tensor, function=function.times(other) if is_factor else function.plus(other))
            else:
                term = all_of(tensor)
                term = term._replace(values=full.reshape(-1)) if is_factor else term
                tensor = self.linear([term], tensor.dimensions, None if is_factor else full)
        return tensor

    def linear(self, terms: Sequence[Term], dimensions: tuple[int, ...], bias: Array | None = None) -> Tensor:
        """Any linear map of tensors, to a tensor of these dimensions: a sparse matrix for each base that it reads."""
        parts, total = self._gathered(terms, int(np.prod(dimensions)))
        total = total if bias is None else total + bias.reshape(-1)
        return self._placed(parts, total, dimensions)

    def _placed(self, parts: dict[int, Weights], bias: Array, dimensions: tuple[int, ...]) -> Tensor:
        """The sum of sparse matrices, each of the item by whose index it stands."""
        shape, index = our_shape(dimensions), -1
        for count, (source, weights) in enumerate(parts.items()):
            earlier = index
            layer = weights.layer(np.zeros(bias.size) if count else bias, shape)
            index = self._append(layer, source, shape)
            index = self._append(Add(earlier), index, shape) if count else index
            self._weights += len(layer.rows)
        return self._output(index).reshaped(dimensions)

    def _gathered(self, terms: Sequence[Term], size: int) -> tuple[dict[int, Weights], Array]:
        """The weights by the item that they read, and the constants, of an output of this size.

        A sparse matrix of a sparse matrix is one of what that one reads.
        """
        self.require_room(sum(len(term.rows) for term in terms))
        total: Array = np.zeros(size)
        parts: dict[int, list[Weights]] = {}
        for tensor, rows, elements, factors in terms:
            require_known(tensor)
            weights, function = Weights(rows, tensor.places.reshape(-1)[elements], factors), tensor.function
            affine = function.degree == 1 and not function.is_identity
            source = tensor.base if affine else self.values(tensor)
            if affine and function.coefficients is not None:
                shift, factor = function.coefficients[:, weights.columns // int(np.prod(tensor.shape[1:]))]
                total = total + np.bincount(rows, shift * factors, minlength=size)
                weights = weights._replace(values=factor * factors)
            while source >= 0 and isinstance(before := self.items[source], Linear):
                merged = weights.behind(before)
                if merged is None:
                    break
                total = total + np.bincount(weights.rows, weights.values * before.bias[weights.columns], minlength=size)
                source, weights = self._sources[source], merged
            parts.setdefault(source, []).append(weights)
        return {source: joined(some) for source, some in parts.items()}, total

    def require_room(self, weights: float) -> None:
        """Raise `NetworkError` where so many weights more would be too many for sparse matrices."""
        if self._weights + weights > _MOST_WEIGHTS:
            raise NetworkError(
                f"it needs a matrix of {weights:,.0f} weights, and those before it have {self._weights:,}; all of a "
                f"network's may have {_MOST_WEIGHTS:,}. "
                "Use smaller frames or fewer channels"
            )

    def settled(self, tensor: Tensor) -> Tensor:
        """A tensor whose base has no elements but its own, so that a function of them all is one of what is needed."""
        if tensor.is_whole:
            return tensor
        coefficients = tensor.function.coefficients
        if coefficients is None:
            return self._made(tensor)
        selected = self._made(replace(tensor, function=identity(tensor.shape[0])))
        channels = np.empty(selected.shape[0], dtype=np.int64)
        channels[selected.channels] = tensor.channels
        if np.any(channels[selected.channels] != tensor.channels):  # rows of different channels became one
            return self._made(tensor)
        return replace(selected, function=polynomial(coefficients[:, channels], tensor.function.steps))

    def _made(self, tensor: Tensor) -> Tensor:
        return self._output(self.materialise(tensor)).reshaped(tensor.dimensions)

    def flatten(self, tensor: Tensor) -> Tensor:
        """Features, in the order in which ONNX's dimensions stand."""
        flat = tensor.reshaped((tensor.size,))
        if tensor.ranked is not None or len(tensor.shape) == 1 or not (flat.in_order or is_channels_last(flat)):
            return flat
        return self._output(self.materialise(flat))

    def materialise(self, tensor: Tensor) -> int:
        """The index of the item whose output is the tensor: (channels, height, width) where it has three dimensions,
        else features. It is made here where it is still a formula, or stands otherwise."""
        index, shape = self.values(tensor), our_shape(tensor.dimensions)
        if tensor.in_order and shape == tensor.shape:
            return index
        key = (index, shape, hashlib.sha256(tensor.places.tobytes()).digest())
        if key not in self._selected:
            layer = selection(tensor, shape)
            if layer is not None:
                self._selected[key] = self._append(layer, index, shape)
            else:
                plain = replace(tensor, base=index, function=identity(tensor.shape[0]))
                self._selected[key] = self.linear([all_of(plain)], tensor.dimensions).base
        return self._selected[key]

    def finish(self, tensor: Tensor) -> int:
        """Make `tensor` the last item's output, as scores; their number. Raises `NetworkError` for too many of them."""
        if tensor.size > _MOST_SCORES:
            raise NetworkError(f"it gives {tensor.size:,} scores for each frame; at most {_MOST_SCORES:,} may be")
        index = self.materialise(self.flatten(tensor))
        if index != len(self.items) - 1:
            self.items.append(Recall(index))
        return tensor.size

    def _join(self, kind: type[Add | Multiply], first: Tensor, second: Tensor) -> Tensor:
        first, second = broadcast(first, second)
        if first.stands_as(second) and first.is_whole:
            index = self._append_joining(kind, self.values(first), self.values(second), first.shape)
            return replace(first, base=index, function=identity(first.shape[0]))
        if kind is Add:
            parts, bias = self._gathered([all_of(first), all_of(second)], first.size)
            if len(parts) == 1:
                return self._placed(parts, bias, first.dimensions)
        sources, shape = (self.materialise(first), self.materialise(second)), our_shape(first.dimensions)
        return self._output(self._append_joining(kind, *sources, shape)).reshaped(first.dimensions)

    def _append_joining(self, kind: type[Add | Multiply], first: int, second: int, shape: tuple[int, ...]) -> int:
        return self._append(kind(min(first, second)), max(first, second), shape)

    def values(self, tensor: Tensor) -> int:
        """The item that gives a tensor's function of its whole base; made here where it is still a formula.

        Raises `NetworkError` for values of which only the order is known.
        """
        require_known(tensor)
        if tensor.function.is_identity:
            return tensor.base
        key = (tensor.base, tensor.function)
        if key not in self._computed:
            index = tensor.base
            for item in _items(tensor.function):
                index = self._append(item, index, tensor.shape)
            self._computed[key] = index
        return self._computed[key]

    def _append(self, item: Item, source: int, shape: tuple[int, ...]) -> int:
        if source != len(self.items) - 1:
            self.items.append(Recall(source))
            self._shapes[len(self.items) - 1] = self._shapes[source]
        self.items.append(item)
        self._shapes[len(self.items) - 1] = shape
        self._sources[len(self.items) - 1] = source
        return len(self.items) - 1

    def _output(self, index: int) -> Tensor:
        shape = self._shapes[index]
        size = int(np.prod(shape))
        if size not in self._orders:
            if sum(self._orders) + size > _MOST_VALUES:
                raise NetworkError(f"it gives {size:,} values for each frame, too many with those before it")
            self._orders[size] = np.arange(size, dtype=np.int32)
        order = self._orders[size]
        return Tensor(index, identity(shape[0]), shape, order.reshape(shape))


def _items(function: Pointwise) -> list[Item]:
    """What computes a function of each value: layers where they are exact, else an activation to fit."""
    coefficients, degree = function.coefficients, function.degree
    if coefficients is not None and degree == 1:
        shift, factor = coefficients
        return [BatchNorm(np.zeros_like(factor), np.ones_like(factor), factor, shift, epsilon=0.0)]
    if coefficients is not None and degree == 2:
        return [quadratic(coefficients)]
    if coefficients is not None and (pair := two_quadratics(coefficients)) is not None:
        return [quadratic(part) for part in pair]
    return [Activation(function)]


def quadratic(coefficients: Array) -> Polynomial:
    """The layer with these coefficients (3, channels), constant first."""
    c, b, a = coefficients
    return Polynomial(a, b, c)
