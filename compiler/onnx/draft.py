"""The network while it is being converted: layers, and activations and max pooling that others will stand for."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

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
from compiler.onnx.max_pooling import MaxPool
from compiler.onnx.pointwise import Pointwise, constant, identity, polynomial, two_quadratics
from compiler.onnx.selecting import is_channels_last, selection, sparse
from compiler.onnx.tensor import Tensor, broadcast, met, per_channel

#: Weights of all sparse matrices together, at most, and values of the outputs of all layers that differ in size.
_MOST_WEIGHTS, _MOST_VALUES = 2**23, 2**25


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


class Term(NamedTuple):
    """A part of a linear map: output `rows[i]` takes `values[i]` times element `elements[i]` of a tensor.

    Rows and elements are places in the flattened output and tensor, as ONNX sees these.
    """

    tensor: Tensor
    rows: NDArray[np.integer[Any]]
    elements: NDArray[np.integer[Any]]
    values: Array


class Draft:
    """Layers and activations in order, each fed by the one before it unless `Recall` says otherwise."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self._shapes: dict[int, tuple[int, ...]] = {}
        self._computed: dict[tuple[int, Pointwise], int] = {}
        self._selected: dict[tuple[int, tuple[int, ...], bytes], int] = {}
        self._orders: dict[int, Indices] = {}
        self._weights = 0
        #: Two values of each frame that were joined, by the item that joins them: a decision between the two of them.
        self.pairs: dict[int, tuple[Tensor, Tensor]] = {}

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
                every = np.arange(tensor.size)
                ones = np.ones(tensor.size)
                term = Term(tensor, every, every, full.reshape(-1) if is_factor else ones)
                tensor = self.linear([term], tensor.dimensions, None if is_factor else full)
        return tensor

    def linear(self, terms: Sequence[Term], dimensions: tuple[int, ...], bias: Array | None = None) -> Tensor:
        """Any linear map of tensors, to a tensor of these dimensions: a sparse matrix for each base that it reads."""
        size = int(np.prod(dimensions))
        self.require_room(sum(len(term.rows) for term in terms))
        total = np.zeros(size) if bias is None else bias.reshape(-1).astype(np.float64)
        parts: dict[int, list[tuple[NDArray[Any], NDArray[Any], Array]]] = {}
        for tensor, rows, elements, factors in terms:
            _require_known(tensor)
            places, values = tensor.places.reshape(-1)[elements], factors
            function = tensor.function
            affine = function.degree == 1 and not function.is_identity
            source = tensor.base if affine else self.values(tensor)
            if affine and function.coefficients is not None:
                shift, factor = function.coefficients[:, places // int(np.prod(tensor.shape[1:]))]
                total = total + np.bincount(rows, shift * factors, minlength=size)
                values = factor * factors
            parts.setdefault(source, []).append((rows, places, values))
        index = -1
        for count, (source, some) in enumerate(parts.items()):
            rows, places, values = (np.concatenate(each) for each in zip(*some, strict=True))
            earlier, shape = index, _our_shape(dimensions)
            index = self._append(sparse(rows, places, values, np.zeros(size) if count else total, shape), source, shape)
            index = self._append(Add(earlier), index, shape) if count else index
        self._weights += sum(len(term.rows) for term in terms)
        return self._output(index).reshaped(dimensions)

    def require_room(self, weights: float) -> None:
        """Raise `NetworkError` where so many weights more would be too many for sparse matrices."""
        if self._weights + weights > _MOST_WEIGHTS:
            raise NetworkError(
                f"it needs a matrix of {weights:,.0f} weights; all of a network's may have {_MOST_WEIGHTS:,}. "
                "Use smaller frames or fewer channels"
            )

    def settled(self, tensor: Tensor) -> Tensor:
        """A tensor whose base has no elements but its own, so that a function of them all is one of what is needed."""
        if tensor.is_whole:
            return tensor
        coefficients = tensor.function.coefficients
        if coefficients is None:
            return self._output(self.materialise(tensor)).reshaped(tensor.dimensions)
        plain = replace(tensor, function=identity(tensor.shape[0]))
        selected = self._output(self.materialise(plain)).reshaped(tensor.dimensions)
        channels = np.empty(selected.shape[0], dtype=np.int64)
        channels[selected.channels] = tensor.channels
        if np.any(channels[selected.channels] != tensor.channels):  # rows of different channels became one
            return self._output(self.materialise(tensor)).reshaped(tensor.dimensions)
        return replace(selected, function=polynomial(coefficients[:, channels], tensor.function.steps))

    def flatten(self, tensor: Tensor) -> Tensor:
        """Features, in the order in which ONNX's dimensions stand."""
        flat = tensor.reshaped((tensor.size,))
        if tensor.ranked is not None or len(tensor.shape) == 1 or not (flat.in_order or is_channels_last(flat)):
            return flat
        return self._output(self.materialise(flat))

    def materialise(self, tensor: Tensor) -> int:
        """The index of the item whose output is the tensor: (channels, height, width) where it has three dimensions,
        else features. It is made here where it is still a formula, or stands otherwise."""
        index, shape = self.values(tensor), _our_shape(tensor.dimensions)
        if tensor.in_order and shape == tensor.shape:
            return index
        key = (index, shape, hashlib.sha256(tensor.places.tobytes()).digest())
        if key not in self._selected:
            self.require_room(tensor.size)
            layer = selection(tensor, shape)
            self._weights += tensor.size if isinstance(layer, Linear) else 0
            self._selected[key] = self._append(layer, index, shape)
        return self._selected[key]

    def finish(self, tensor: Tensor) -> int:
        """Make `tensor` the last item's output, as scores; their number."""
        index = self.materialise(self.flatten(tensor))
        if index != len(self.items) - 1:
            self.items.append(Recall(index))
        return tensor.size

    def _join(self, kind: type[Add | Multiply], first: Tensor, second: Tensor) -> Tensor:
        first, second = broadcast(first, second)
        if first.stands_as(second) and first.is_whole:
            index = self._append_joining(kind, self.values(first), self.values(second), first.shape)
            return replace(first, base=index, function=identity(first.shape[0]))
        sources, shape = (self.materialise(first), self.materialise(second)), _our_shape(first.dimensions)
        return self._output(self._append_joining(kind, *sources, shape)).reshaped(first.dimensions)

    def _append_joining(self, kind: type[Add | Multiply], first: int, second: int, shape: tuple[int, ...]) -> int:
        return self._append(kind(min(first, second)), max(first, second), shape)

    def values(self, tensor: Tensor) -> int:
        """The item that gives a tensor's function of its whole base; made here where it is still a formula.

        Raises `NetworkError` for values of which only the order is known.
        """
        _require_known(tensor)
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


def _require_known(tensor: Tensor) -> None:
    if tensor.ranked is not None:
        raise NetworkError(
            f"it computes with what {tensor.ranked.node} gives, which ciphertexts can't; that may only be last, "
            "where it is left out: the largest score stays the largest"
        )


def _our_shape(dimensions: tuple[int, ...]) -> tuple[int, ...]:
    """Three dimensions are channels, height and width; others are features."""
    return dimensions if len(dimensions) == 3 else (int(np.prod(dimensions)),)


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
