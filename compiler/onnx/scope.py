"""What an operator sees while it is converted: the tensors and constants so far, and the draft."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import NetworkError
from common.plan.layers import Array
from compiler.onnx.draft import Draft, Tensor
from compiler.onnx.max_pooling import Replacement
from compiler.onnx.reading import Graph, Node

#: Values of all constants together that are computed while converting, at most.
_MOST_FOLDED = 2**26

Value = Tensor | NDArray[Any]


@dataclass
class Scope:
    """Values by name, and the draft that grows."""

    graph: Graph
    values: dict[str, Value]
    #: What stands for max pooling; None refuses it.
    replace_maxpool: Replacement | None = None
    draft: Draft = field(default_factory=Draft)
    #: Tensors whose Softmax was left out.
    without_softmax: set[str] = field(default_factory=set)
    _folded: int = 0

    def count(self, folded: NDArray[Any]) -> None:
        """Raise `NetworkError` when what was computed of constants so far is too much to hold."""
        self._folded += folded.size
        if self._folded > _MOST_FOLDED:
            raise NetworkError(f"constants have {self._folded:,} values up to here; at most {_MOST_FOLDED:,} may be")

    def value(self, node: Node, place: int) -> Value:
        """An input, whatever it is. Raises `NetworkError` when it is missing."""
        name = node.inputs[place] if place < len(node.inputs) else ""
        if name not in self.values:
            raise NetworkError(f"its input {name or place!r} isn't computed before it; export the network again")
        return self.values[name]

    def tensor(self, node: Node, place: int) -> Tensor:
        """An input that depends on the frame."""
        value = self.value(node, place)
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

    def dimensions(self, tensor: Tensor) -> tuple[int, ...]:
        """A tensor's shape as ONNX sees it, batch included."""
        return (self.graph.batch, *tensor.dimensions)
