"""What an operator sees while it is converted: the tensors and constants so far, and the draft."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import NetworkError
from common.plan.layers import Array, Indices
from compiler.onnx.draft.draft import Draft, Item
from compiler.onnx.draft.kinds import Kind
from compiler.onnx.draft.tensor import Tensor
from compiler.onnx.file.reading import Graph, Node
from compiler.onnx.max_pooling import Replacement

#: Values of all constants together that are computed while converting, and places of tensors, at most.
_MOST_FOLDED = 2**26
#: Whole numbers that a node may list, such as sizes into which it splits: each takes 32 bytes in a list of Python's.
_MOST_LISTED = 2**16

Value = Tensor | NDArray[Any]


@dataclass
class Scope:
    """Values by name, the kinds of those that aren't floats, and the draft that grows.

    `replace_maxpool` is what stands for max pooling; None refuses it. `limiting` are the names of the QuantizeLinear
    nodes at whose edges values stop, None for all of them. `limited` are the items that stop them, by node.
    """

    graph: Graph
    values: dict[str, Value]
    replace_maxpool: Replacement | None = None
    limiting: frozenset[str] | None = None
    draft: Draft = field(default_factory=Draft)
    kinds: dict[str, Kind] = field(default_factory=dict)
    limited: dict[str, Item] = field(default_factory=dict)
    _folded: int = 0
    _held: set[int] = field(default_factory=set)  # arrays of places that were counted

    def count(self, made: NDArray[Any]) -> None:
        """Raise `NetworkError` when constants and places that were made so far are too much to hold."""
        self._folded += made.size
        if self._folded > _MOST_FOLDED:
            raise NetworkError(
                f"constants and places have {self._folded:,} values up to here; at most {_MOST_FOLDED:,} may be"
            )

    def hold(self, places: Indices) -> None:
        """Count the array in which these places lie, once for all tensors whose places are views of it."""
        owner = places
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        if id(owner) not in self._held:
            self._held.add(id(owner))
            self.count(owner)

    def add(self, node: Node, what: str, value: Value) -> str:
        """The name of a value of our own that belongs to a node; no name in a file is like it."""
        name = f"\0{node.outputs[0]}: {what}"
        self.values[name] = value
        return name

    def given(self, node: Node, place: int) -> Value:
        """An input, whatever it is, wherever its batch is. Raises `NetworkError` when it is missing."""
        name = node.inputs[place] if place < len(node.inputs) else ""
        if name not in self.values:
            raise NetworkError(f"its input {name or place!r} isn't computed before it; export the network again")
        return self.values[name]

    def value(self, node: Node, place: int) -> Value:
        """An input, whatever it is. Raises `NetworkError` when it is missing, or its batch isn't first."""
        value = self.given(node, place)
        if isinstance(value, Tensor) and value.batch:
            raise NetworkError(f"its input {place} has the batch as dimension {value.batch}; the batch must be first")
        return value

    def tensor(self, node: Node, place: int, batch_first: bool = True) -> Tensor:
        """An input that depends on the frame."""
        value = self.value(node, place) if batch_first else self.given(node, place)
        if not isinstance(value, Tensor):
            raise NetworkError(f"its input {place} is constant, but must depend on the frame")
        return value

    def numbers(self, node: Node, place: int) -> Array:
        """A constant input, as float64."""
        value = self.value(node, place)
        if isinstance(value, Tensor):
            raise NetworkError(f"its input {place} depends on the frame, but must be constant")
        return np.asarray(value, dtype=np.float64)

    def optional(self, node: Node, place: int) -> Array | None:
        """A constant input that may be left out."""
        return self.numbers(node, place) if place < len(node.inputs) and node.inputs[place] else None

    def whole_numbers(self, node: Node, name: str, place: int) -> list[int] | None:
        """Whole numbers, an attribute in earlier opsets and an input in later ones; None where the node has none."""
        given = self.optional(node, place)
        listed = node.attributes.get(name) if given is None else given.reshape(-1)
        if listed is not None and len(listed) > _MOST_LISTED:
            raise NetworkError(f"it lists {len(listed):,} numbers as {name}; at most {_MOST_LISTED:,} may be")
        return None if listed is None else [int(number) for number in listed]

    def sizes(self, node: Node, name: str) -> list[int]:
        """The second input, a constant with a whole number for each dimension."""
        self.numbers(node, 1)
        return self.whole_numbers(node, name, 1) or []

    def axes(self, node: Node, rank: int, place: int = 1) -> list[int] | None:
        """A node's axes among `rank` dimensions with the batch, counted from 0; None where it has none."""
        listed = self.whole_numbers(node, "axes", place)
        if listed is None:
            return None
        axes = [axis + (rank if axis < 0 else 0) for axis in listed]
        if any(not 0 <= axis < rank for axis in axes) or len(set(axes)) != len(axes):
            raise NetworkError(f"its axes {listed} aren't within {rank} dimensions, each once")
        return axes

    def axis(self, node: Node, tensor: Tensor, default: int) -> tuple[int, int]:
        """A node's axis among a tensor's dimensions without the batch, and its size."""
        rank, axis = len(tensor.dimensions) + 1, int(node.attributes.get("axis", default))
        axis = axis + rank if axis < 0 else axis
        if not 0 < axis < rank:
            raise NetworkError(f"its axis is {axis}; it must be from 1 to {rank - 1}, since the batch is no part of it")
        return axis - 1, tensor.dimensions[axis - 1]

    def dimensions(self, tensor: Tensor) -> tuple[int, ...]:
        """A tensor's shape as ONNX sees it, batch included."""
        return (*tensor.dimensions[: tensor.batch], self.graph.batch, *tensor.dimensions[tensor.batch :])
