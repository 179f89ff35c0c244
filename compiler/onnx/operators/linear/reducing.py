"""Sums, means and the like over any dimensions but the batch."""

from dataclasses import replace

import numpy as np

from common.errors import NetworkError
from common.plan.layers import GlobalAvgPool2d
from compiler.onnx.draft.pointwise import Step
from compiler.onnx.draft.sparse import Term
from compiler.onnx.draft.tensor import Tensor
from compiler.onnx.file.reading import Node
from compiler.onnx.operators.linear.axes import Along, along
from compiler.onnx.operators.linear.pooling import global_max_pool
from compiler.onnx.scope import Scope


def reduce_mean(scope: Scope, node: Node) -> Tensor:
    """ReduceMean over any dimensions but the batch."""
    x = scope.tensor(node, 0)
    axes = _axes(scope, node, x)
    if len(x.shape) == len(x.dimensions) == 3 and axes in ((1, 2), (0, 1)):
        turned = x if axes == (1, 2) else x.viewed(np.moveaxis(x.places, -1, 0))
        if turned.in_order:
            mean = scope.draft.apply(GlobalAvgPool2d(), turned)
            if not _keeps(node):
                return scope.draft.flatten(mean)
            return mean if axes == (1, 2) else mean.viewed(np.moveaxis(mean.places, 0, -1))
    count = int(np.prod([x.dimensions[axis] for axis in axes]))
    return _reduced(scope, node, x, axes, 1 / count)


def reduce_sum(scope: Scope, node: Node) -> Tensor:
    """ReduceSum over any dimensions but the batch."""
    x = scope.tensor(node, 0)
    return _reduced(scope, node, x, _axes(scope, node, x))


def reduce_sum_square(scope: Scope, node: Node) -> Tensor:
    """ReduceSumSquare over any dimensions but the batch."""
    x = scope.draft.settled(scope.tensor(node, 0))
    squares = replace(x, function=x.function.times(x.function, Step(node.name, node.operator)))
    return _reduced(scope, node, squares, _axes(scope, node, x))


def reduce_max(scope: Scope, node: Node) -> Tensor:
    """ReduceMax over height and width, which is GlobalMaxPool."""
    x = scope.tensor(node, 0)
    if len(x.dimensions) != 3 or _axes(scope, node, x) != (1, 2):
        raise NetworkError("comparisons can't be made on ciphertexts: take maxima over height and width, or ReduceMean")
    largest = global_max_pool(scope, node)
    return largest if _keeps(node) else largest.reshaped(largest.dimensions[:1])


def cumulative_sum(scope: Scope, node: Node) -> Tensor:
    """CumSum along any dimension but the batch, from either end, with or without each value itself."""
    x = scope.tensor(node, 0)
    axis = int(scope.numbers(node, 1).reshape(-1)[0])
    axis = axis - 1 if axis > 0 else axis + len(x.dimensions)
    if not 0 <= axis < len(x.dimensions):
        raise NetworkError(f"it adds up {scope.dimensions(x)} along the batch, which mixes frames")
    size, exclusive = x.dimensions[axis], int(node.attributes.get("exclusive", 0))
    scope.draft.require_room(float(size) * x.size)
    rows, columns = np.nonzero(np.tri(size, k=-exclusive))
    if node.attributes.get("reverse", 0):
        rows, columns = columns, rows
    return along(scope, x, axis, Along(size, rows, columns, np.ones(len(rows))))


def _axes(scope: Scope, node: Node, x: Tensor) -> tuple[int, ...]:
    rank = len(x.dimensions) + 1
    axes = scope.axes(node, rank)
    if not axes:
        axes = [] if node.attributes.get("noop_with_empty_axes", 0) else list(range(rank))
    if 0 in axes:
        raise NetworkError("it reduces the batch, which mixes frames; name the axes behind the batch")
    return tuple(sorted(axis - 1 for axis in axes))


def _keeps(node: Node) -> bool:
    return bool(node.attributes.get("keepdims", 1))


def _reduced(scope: Scope, node: Node, x: Tensor, axes: tuple[int, ...], factor: float = 1.0) -> Tensor:
    if not axes:
        return x
    scope.draft.require_room(x.size)
    sizes = [1 if axis in axes else size for axis, size in enumerate(x.dimensions)]
    rows = np.broadcast_to(np.arange(int(np.prod(sizes))).reshape(sizes), x.dimensions).reshape(-1)
    term = Term(x, rows, np.arange(x.size), np.full(x.size, factor))
    reduced = scope.draft.linear([term], tuple(sizes))
    if _keeps(node):
        return reduced
    return reduced.reshaped(tuple(size for axis, size in enumerate(x.dimensions) if axis not in axes))
