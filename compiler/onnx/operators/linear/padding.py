"""Padding: with zeros around channels, with any constant, or with what is there already."""

import numpy as np

from common.errors import NetworkError
from common.plan.layers import Pad2d
from compiler.onnx.draft.sparse import Term
from compiler.onnx.draft.tensor import Tensor, require_room
from compiler.onnx.file.reading import Node
from compiler.onnx.operators.linear.windows import MOST_PADDING
from compiler.onnx.scope import Scope

#: Modes that repeat what is there, which NumPy has too.
_REPEATING = ("reflect", "edge", "wrap")


def pad(scope: Scope, node: Node) -> Tensor:
    """Pad in every mode; negative amounts cut off."""
    x = scope.tensor(node, 0)
    amounts = _amounts(scope, node, len(x.dimensions) + 1)
    if any(amounts[0]):
        raise NetworkError("it pads the batch; only what is behind it may be padded")
    cut = tuple(
        slice(max(0, -before), max(0, size - max(0, -after)))
        for size, (before, after) in zip(x.dimensions, amounts[1:], strict=True)
    )
    x = x.viewed(x.places[cut])
    around = [(max(0, before), max(0, after)) for before, after in amounts[1:]]
    dimensions = tuple(size + sum(both) for size, both in zip(x.dimensions, around, strict=True))
    require_room(x.dimensions)
    require_room(dimensions)
    mode = node.attributes.get("mode", "constant")
    if mode in _REPEATING:
        return x.viewed(np.pad(x.places, around, mode=mode))
    if mode != "constant":
        raise NetworkError(f"its mode is {mode!r}; it must be constant, reflect, edge or wrap")
    given = scope.optional(node, 2)
    value = float(node.attributes.get("value", 0.0)) if given is None else float(given.reshape(-1)[0])
    if dimensions == x.dimensions:
        return x
    zeros_around = value == 0 and len(dimensions) == 3
    if zeros_around and around[0] == (0, 0):
        return scope.draft.apply(_pad2d(around[1], around[2]), x)
    if zeros_around and around[2] == (0, 0) and (turned := x.viewed(np.moveaxis(x.places, -1, 0))).in_order:
        padded = scope.draft.apply(_pad2d(around[0], around[1]), turned)
        return padded.viewed(np.moveaxis(padded.places, 0, -1))
    inner = tuple(slice(before, before + size) for (before, _), size in zip(around, x.dimensions, strict=True))
    rows = np.arange(int(np.prod(dimensions))).reshape(dimensions)[inner].reshape(-1)
    bias = np.full(dimensions, value)
    bias[inner] = 0.0
    return scope.draft.linear([Term(x, rows, np.arange(x.size), np.ones(x.size))], dimensions, bias)


def _amounts(scope: Scope, node: Node, rank: int) -> list[tuple[int, int]]:
    """What is put before and behind each dimension, the batch's first."""
    listed = scope.whole_numbers(node, "pads", 1) or []
    axes = scope.axes(node, rank, 3)
    axes = list(range(rank)) if axes is None else axes
    if len(listed) != 2 * len(axes) or max(map(abs, listed), default=0) > MOST_PADDING:
        raise NetworkError(
            f"its pads are {listed}; give two for each of {len(axes)} dimensions, at most {MOST_PADDING} each"
        )
    amounts = [(0, 0)] * rank
    for place, axis in enumerate(axes):
        amounts[axis] = (listed[place], listed[len(axes) + place])
    return amounts


def _pad2d(rows: tuple[int, int], columns: tuple[int, int]) -> Pad2d:
    return Pad2d((rows[0], columns[0], rows[1], columns[1]))
