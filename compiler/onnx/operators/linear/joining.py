"""Operators that make one tensor of several."""

from collections.abc import Sequence
from functools import reduce

import numpy as np

from common.errors import NetworkError
from common.plan.layers import Array
from compiler.onnx.draft.draft import Draft
from compiler.onnx.draft.sparse import Term
from compiler.onnx.draft.tensor import Tensor, require_room
from compiler.onnx.file.reading import Node
from compiler.onnx.operators.arithmetic import added
from compiler.onnx.scope import Scope


def concat(scope: Scope, node: Node) -> Tensor:
    """Concat along any dimension but the batch, of tensors and constants."""
    values = [scope.value(node, place) for place in range(len(node.inputs))]
    tensors = [value for value in values if isinstance(value, Tensor)]
    axis, _ = scope.axis(node, tensors[0], 1)
    parts = [value if isinstance(value, Tensor) else _for_each_frame(scope, np.asarray(value)) for value in values]
    shapes = _shapes(parts)
    others = {shape[:axis] + shape[axis + 1 :] for shape in shapes}
    if len(others) != 1 or len({len(shape) for shape in shapes}) != 1:
        raise NetworkError(f"it joins {', '.join(map(str, shapes))} of each frame, which don't fit together")
    first = tensors[0]
    if len(tensors) == len(values) and all(_of_one_function(first, other) for other in tensors):
        return first.viewed(np.concatenate([tensor.places for tensor in tensors], axis))
    joined = placed(scope.draft, parts, axis)
    if len(parts) == len(tensors) and joined.size == max(joined.dimensions):
        scope.draft.rows[joined.base] = tuple(tensors)
    return joined


def sum_(scope: Scope, node: Node) -> Tensor:
    """Sum and Mean of any number of tensors and constants."""
    values = [scope.value(node, place) for place in range(len(node.inputs))]
    total = reduce(lambda first, second: added(scope, first, second), values)
    if not isinstance(total, Tensor):
        raise NetworkError("one of its inputs must depend on the frame")
    return total if node.operator == "Sum" else scope.draft.affine(total, np.array(1 / len(values)), None)


def placed(draft: Draft, parts: Sequence[Tensor | Array], axis: int) -> Tensor:
    """Each part at its place in a tensor of zeros, and their sum; all sizes but that of the axis are alike."""
    shapes = _shapes(parts)
    dimensions = (*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :])
    require_room(dimensions)
    draft.require_room(int(np.prod(dimensions)))
    order = np.arange(int(np.prod(dimensions))).reshape(dimensions)
    bias, terms, start = np.zeros(dimensions), [], 0
    for part, shape in zip(parts, shapes, strict=True):
        here = (slice(None),) * axis + (slice(start, start + shape[axis]),)
        if isinstance(part, Tensor):
            terms.append(Term(part, order[here].reshape(-1), np.arange(part.size), np.ones(part.size)))
        else:
            bias[here] = part
        start += shape[axis]
    return draft.linear(terms, dimensions, bias)


def _shapes(parts: Sequence[Tensor | Array]) -> list[tuple[int, ...]]:
    return [part.dimensions if isinstance(part, Tensor) else part.shape for part in parts]


def _of_one_function(first: Tensor, second: Tensor) -> bool:
    same = first.function is second.function or (first.function.is_identity and second.function.is_identity)
    return first.base == second.base and first.ranked is second.ranked and same


def _for_each_frame(scope: Scope, values: Array) -> Array:
    if not values.ndim or values.shape[0] not in (1, scope.graph.batch) or np.any(values != values[:1]):
        raise NetworkError(f"its constant of shape {values.shape} isn't one for each frame")
    row: Array = values[0].astype(np.float64)
    return row
