"""A tensor of the graph, as places in the output of an item of the draft: what only moves values costs nothing."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import NetworkError
from common.plan.layers import Array, Indices
from compiler.onnx.draft.pointwise import Pointwise

#: Values that an operator may make of each frame, at most: far more than a ciphertext has slots.
_MOST_VALUES = 2**22


@dataclass(frozen=True, eq=False)
class Ranked:
    """Values of which only the order is known: what Softmax or a norm gives for `function` of each value of a base.

    `function` may itself be of such values, `ranked`. `node` is for messages.
    """

    node: str
    operator: str
    function: Pointwise
    ranked: "Ranked | None"


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor of the graph: `function` of the values of the draft's item `base`, -1 for the input, at `places`.

    `shape` is the base's, without the batch: (channels, height, width) or (features,); `function` may differ between
    its channels. `places` has the shape that ONNX sees, without the batch, and says for each element where it
    stands in the flattened base. Where `ranked` is given, `function` is of those values instead. `batch` is the
    place of the batch among ONNX's dimensions: only what moves dimensions takes a tensor whose batch isn't first.
    """

    base: int
    function: Pointwise
    shape: tuple[int, ...]
    places: Indices
    ranked: Ranked | None = None
    batch: int = 0

    @property
    def dimensions(self) -> tuple[int, ...]:
        """The shape as ONNX sees it, without the batch."""
        return self.places.shape

    @property
    def size(self) -> int:
        """How many values it has for each frame."""
        return self.places.size

    @property
    def channels(self) -> NDArray[np.integer[Any]]:
        """The channel of the base in which each element stands, in the shape that ONNX sees."""
        channels: NDArray[np.integer[Any]] = self.places // int(np.prod(self.shape[1:]))
        return channels

    @property
    def in_order(self) -> bool:
        """Whether its elements are those of the base in their order, whatever its shape is."""
        flat = self.places.reshape(-1)
        return flat.size == int(np.prod(self.shape)) and bool(np.array_equal(flat, np.arange(flat.size)))

    @property
    def is_whole(self) -> bool:
        """Whether it has every element of the base, be it more than once."""
        return bool(np.bincount(self.places.reshape(-1), minlength=int(np.prod(self.shape))).all())

    def viewed(self, places: Indices) -> "Tensor":
        """Other places of the same base."""
        return replace(self, places=places)

    def reshaped(self, dimensions: tuple[int, ...]) -> "Tensor":
        """The same elements in another shape."""
        return self.viewed(self.places.reshape(dimensions))

    def expanded(self, dimensions: tuple[int, ...]) -> "Tensor":
        """Broadcast to more elements, as NumPy does it. Raises `NetworkError` where that is impossible, or too much."""
        if dimensions == self.dimensions:
            return self
        require_room(dimensions)
        try:
            return self.viewed(np.broadcast_to(self.places, dimensions))
        except ValueError as error:
            raise NetworkError(f"it can't make {self.dimensions} of each frame into {dimensions}") from error

    def same_values_as(self, other: "Tensor") -> bool:
        """Whether both are functions of the same values, each element of the same one."""
        return self.base == other.base and self.ranked is other.ranked and self.stands_as(other)

    def stands_as(self, other: "Tensor") -> bool:
        """Whether both have the same places, be it in different bases of one shape."""
        return self.shape == other.shape and bool(np.array_equal(self.places, other.places))


def require_room(dimensions: tuple[int, ...]) -> None:
    """Raise `NetworkError` where a tensor would have more values than any that can be encrypted."""
    size = float(np.prod(np.array(dimensions, dtype=float)))
    if not 0 < size <= _MOST_VALUES:
        raise NetworkError(f"it makes {dimensions} of each frame; it must have from 1 to {_MOST_VALUES:,} values")


def broadcast(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Both tensors in the shape in which they meet. Raises `NetworkError` where they don't."""
    one, other = first.dimensions, second.dimensions
    if one == other:
        return first, second
    if len(one) != len(other):
        raise NetworkError(f"{one} and {other} of each frame have different numbers of dimensions, which mixes frames")
    try:
        dimensions = np.broadcast_shapes(one, other)
    except ValueError as error:
        raise NetworkError(f"{one} and {other} of each frame don't fit together") from error
    return first.expanded(dimensions), second.expanded(dimensions)


def met(tensor: Tensor, values: NDArray[np.generic]) -> tuple[Tensor, Array]:
    """A tensor and a constant in the shape in which they meet. Raises `NetworkError` where they don't."""
    if values.ndim == len(tensor.dimensions) + 1 and values.shape[0] == 1:
        values = values[0]
    try:
        dimensions = np.broadcast_shapes(tensor.dimensions, values.shape)
    except ValueError as error:
        raise NetworkError(
            f"its constant of shape {values.shape} doesn't fit {tensor.dimensions} of each frame"
        ) from error
    if len(dimensions) > len(tensor.dimensions):
        raise NetworkError(f"its constant of shape {values.shape} has more dimensions than {tensor.dimensions}")
    return tensor.expanded(dimensions), np.broadcast_to(values.astype(np.float64), dimensions)


def per_channel(values: Array, tensor: Tensor) -> Array | None:
    """Values in a tensor's shape as one for each channel of its base; None where they differ within a channel."""
    channels = tensor.channels
    found = np.full(tensor.shape[0], values.reshape(-1)[0])
    found[channels] = values
    return found if np.array_equal(found[channels], values) else None


def require_known(tensor: Tensor) -> None:
    """Raise `NetworkError` for values of which only the order is known."""
    if tensor.ranked is not None:
        raise NetworkError(
            f"it computes with what {tensor.ranked.node} gives, which ciphertexts can't; that may only be last, "
            "where it is left out: the largest score stays the largest"
        )
