"""Operators that choose among values by constant places, or leave some out."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from common.errors import NetworkError
from compiler.onnx.draft.tensor import Tensor, require_room
from compiler.onnx.file.reading import Node
from compiler.onnx.scope import Scope


def slice_(scope: Scope, node: Node) -> Tensor:
    """Slice, with bounds that are constant."""
    x = scope.tensor(node, 0)
    dimensions = scope.dimensions(x)
    starts, ends = (scope.whole_numbers(node, name, place) for name, place in (("starts", 1), ("ends", 2)))
    steps = scope.whole_numbers(node, "steps", 4) or [1] * len(starts or [])
    axes = scope.axes(node, len(dimensions), 3)
    axes = list(range(len(starts or []))) if axes is None else axes
    if starts is None or ends is None or not len(starts) == len(ends) == len(steps) == len(axes) or 0 in steps:
        raise NetworkError(f"its bounds {starts} to {ends} in steps of {steps} don't fit its axes {axes}")
    chosen = [slice(None)] * len(dimensions)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        chosen[axis] = slice(start, end, step)
    if range(dimensions[0])[chosen[0]] != range(dimensions[0]):
        raise NetworkError("it takes some frames of the batch; each frame must be treated alike")
    places = x.places[tuple(chosen[1:])]
    require_room(places.shape)
    return x.viewed(places)


def split(scope: Scope, node: Node) -> tuple[Tensor, ...]:
    """Split along any dimension but the batch."""
    x = scope.tensor(node, 0)
    axis, size = scope.axis(node, x, 0)
    count = int(node.attributes.get("num_outputs", len(node.outputs)))
    if not 0 < count <= size:
        raise NetworkError(f"it splits {size} into {count}")
    parts = scope.whole_numbers(node, "split", 1) or [-(-size // count)] * (size // -(-size // count))
    parts += [size - sum(parts)] if sum(parts) < size and len(parts) < count else []
    if sum(parts) != size or min(parts) < 1 or len(parts) != len(node.outputs):
        raise NetworkError(f"its parts {parts} don't fit {size} for {len(node.outputs)} outputs")
    return tuple(x.viewed(places) for places in np.split(x.places, np.cumsum(parts)[:-1], axis))


def gather(scope: Scope, node: Node) -> Tensor:
    """Gather along any dimension but the batch, with constant indices."""
    x = scope.tensor(node, 0)
    axis, size = scope.axis(node, x, 0)
    indices = _indices(scope, node, size)
    require_room((*x.dimensions[:axis], *x.dimensions[axis + 1 :], *indices.shape))
    return x.viewed(np.take(x.places, indices, axis))


def gather_nd(scope: Scope, node: Node) -> Tensor:
    """GatherND of dimensions before the batch, with constant indices: what PyTorch makes of uneven adaptive pools."""
    x = scope.tensor(node, 0, batch_first=False)
    shape = scope.numbers(node, 1).shape
    depth = shape[-1] if shape else 0
    if node.attributes.get("batch_dims", 0) or not 0 < depth <= x.batch:
        raise NetworkError("its indices choose among frames; each frame must be treated alike")
    indices = _indices(scope, node, *x.dimensions[:depth])
    require_room((*shape[:-1], *x.dimensions[depth:]))
    chosen = x.places[tuple(np.moveaxis(indices, -1, 0))]
    return replace(x, places=chosen, batch=len(shape) - 1 + x.batch - depth)


def gather_elements(scope: Scope, node: Node) -> Tensor:
    """GatherElements along any dimension but the batch, with constant indices that are the same for all frames."""
    x = scope.tensor(node, 0)
    axis, size = scope.axis(node, x, 0)
    indices = _indices(scope, node, size)
    if indices.ndim != len(x.dimensions) + 1 or np.any(indices != indices[:1]) or len(indices) != scope.graph.batch:
        raise NetworkError(f"its indices of shape {indices.shape} don't choose alike in each frame")
    chosen = indices[0] % size
    whole = x.places[tuple(slice(None) if each == axis else slice(end) for each, end in enumerate(chosen.shape))]
    return x.viewed(np.take_along_axis(whole, chosen, axis))


def trilu(scope: Scope, node: Node) -> Tensor:
    """Trilu: zeros on one side of a diagonal of the last two dimensions."""
    x = scope.tensor(node, 0)
    if len(x.dimensions) < 2:
        raise NetworkError(f"it takes a part of {scope.dimensions(x)}, which differs between frames")
    diagonal = scope.optional(node, 1)
    offset = 0 if diagonal is None else int(diagonal.reshape(-1)[0])
    upper = bool(node.attributes.get("upper", 1))
    ones = np.ones(x.dimensions[-2:])
    return scope.draft.affine(x, np.triu(ones, offset) if upper else np.tril(ones, offset), None)


def _indices(scope: Scope, node: Node, *sizes: int) -> NDArray[np.int64]:
    """Constant indices, the second input, from either end; of several dimensions the last axis has one for each."""
    given, ends = scope.numbers(node, 1), np.array(sizes)
    if np.any(given != np.floor(given)) or np.any((given < -ends) | (given >= ends)):
        raise NetworkError(f"its indices aren't all within {'×'.join(map(str, sizes))}")
    return given.astype(np.int64)
