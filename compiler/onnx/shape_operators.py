"""Operators that keep the values and change only how they are arranged, or nothing at all."""

from dataclasses import replace

import numpy as np

from common.errors import NetworkError
from compiler.onnx.draft import Layout, Tensor, reshaped
from compiler.onnx.reading import Node
from compiler.onnx.scope import Scope


def unchanged(scope: Scope, node: Node) -> Tensor:
    """Identity, Cast, and Dropout, which does nothing but in training."""
    training = scope.optional(node, 2) if node.operator == "Dropout" else None
    if training is not None and training.any():
        raise NetworkError("it has training_mode = 1; call model.eval() before the export")
    return scope.tensor(node, 0)


def flatten(scope: Scope, node: Node) -> Tensor:
    """Flatten of each frame's values."""
    x = scope.tensor(node, 0)
    rank = len(x.dimensions) + 1
    axis = node.attributes.get("axis", 1)
    axis = axis + rank if axis < 0 else axis
    if axis != 1:
        raise NetworkError(f"its axis is {axis}; frames may only be flattened with axis = 1")
    return scope.draft.flatten(x)


def reshape(scope: Scope, node: Node) -> Tensor:
    """Reshape to (batch, features), or to the same with another name for it."""
    x = scope.tensor(node, 0)
    dimensions = scope.dimensions(x)
    wanted = [int(size) for size in scope.numbers(node, 1).reshape(-1)]
    if not node.attributes.get("allowzero", 0):
        if any(size == 0 and place >= len(dimensions) for place, size in enumerate(wanted)):
            raise NetworkError(f"its shape {wanted} copies a dimension that isn't there")
        wanted = [dimensions[place] if size == 0 else size for place, size in enumerate(wanted)]
    total, known = int(np.prod(dimensions)), int(np.prod([size for size in wanted if size != -1]))
    if wanted.count(-1) > 1 or known < 1 or (-1 in wanted and total % known):
        raise NetworkError(f"its shape {wanted} doesn't fit {dimensions}")
    return _arranged(scope, x, tuple(total // known if size == -1 else size for size in wanted))


def squeeze(scope: Scope, node: Node) -> Tensor:
    """Squeeze: dimensions of 1 left out."""
    x = scope.tensor(node, 0)
    dimensions = scope.dimensions(x)
    axes = _axes(scope, node, len(dimensions))
    if axes is None:
        axes = [axis for axis, size in enumerate(dimensions) if size == 1 and axis]
    if any(dimensions[axis] != 1 for axis in axes):
        raise NetworkError(f"its axes {axes} of {dimensions} aren't all 1")
    return _arranged(scope, x, tuple(size for axis, size in enumerate(dimensions) if axis not in axes))


def unsqueeze(scope: Scope, node: Node) -> Tensor:
    """Unsqueeze: dimensions of 1 put in, as for the channel of grey frames."""
    x = scope.tensor(node, 0)
    rest = list(scope.dimensions(x))
    axes_input = scope.optional(node, 1)
    count = len(node.attributes.get("axes", ()) if axes_input is None else axes_input.reshape(-1))
    for axis in sorted(_axes(scope, node, len(rest) + count) or []):
        rest.insert(axis, 1)
    return _arranged(scope, x, tuple(rest))


def transpose(scope: Scope, node: Node) -> Tensor:
    """Transpose between (channels, height, width) and (height, width, channels)."""
    x = scope.tensor(node, 0)
    order = tuple(node.attributes.get("perm") or range(len(x.dimensions), -1, -1))
    if order == tuple(range(len(x.dimensions) + 1)):
        return x
    if order == (0, 2, 3, 1) and x.layout is Layout.CHANNELS_FIRST:
        return replace(x, layout=Layout.CHANNELS_LAST)
    if order == (0, 3, 1, 2) and x.layout is Layout.CHANNELS_LAST:
        return replace(x, layout=Layout.CHANNELS_FIRST)
    raise NetworkError(
        f"it permutes {x.layout.value} by {order}; only channels first and channels last may be exchanged"
    )


def _arranged(scope: Scope, x: Tensor, target: tuple[int, ...]) -> Tensor:
    if not target or target[0] != scope.graph.input.batch:
        raise NetworkError(f"it turns {scope.dimensions(x)} into {target}, which mixes frames; keep the batch first")
    return reshaped(scope.draft, x, target[1:])


def _axes(scope: Scope, node: Node, rank: int) -> list[int] | None:
    """The axes, an attribute before opset 13 and an input since, counted from 0; None where the node has none."""
    axes_input = scope.optional(node, 1)
    listed = node.attributes.get("axes") if axes_input is None else axes_input.reshape(-1)
    if listed is None:
        return None
    axes = [int(axis) + (rank if axis < 0 else 0) for axis in listed]
    if any(not 0 <= axis < rank for axis in axes):
        raise NetworkError(f"its axes {axes} aren't within {rank} dimensions")
    return axes
