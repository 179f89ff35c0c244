"""Means and sums over windows, over whole channels, and over any dimensions."""

from dataclasses import replace

import numpy as np

from common.errors import NetworkError
from common.plan.layers import AvgPool2d, GlobalAvgPool2d
from compiler.onnx.draft.pointwise import Step
from compiler.onnx.draft.sparse import Term
from compiler.onnx.draft.tensor import Tensor, require_room
from compiler.onnx.file.reading import Node
from compiler.onnx.max_pooling import MaxPool, Replacement
from compiler.onnx.operators.linear.axes import Along, along
from compiler.onnx.operators.linear.windows import Windows, pair, restored, spatial, windows
from compiler.onnx.scope import Scope


def average_pool(scope: Scope, node: Node) -> Tensor:
    """AveragePool, whose padding counts only with count_include_pad."""
    x = spatial(scope, node)
    sliding = windows(node, x, pair(node, "kernel_shape"))
    kernel, stride, padding = sliding.kernel, sliding.stride, sliding.padding
    if any(pad >= kernel[axis % 2] for axis, pad in enumerate(padding)):
        raise NetworkError(f"its padding {padding} reaches beyond its kernel {kernel}")
    counted = bool(node.attributes.get("count_include_pad", 0)) or not any(padding)
    ceil = bool(node.attributes.get("ceil_mode", 0))
    sizes = [x.dimensions[1 + axis] + padding[axis] + padding[2 + axis] for axis in (0, 1)]
    over = any((sizes[axis] - sliding.spans[axis]) % stride[axis] for axis in (0, 1))
    if sliding.dilation == (1, 1) and not (ceil and over):
        return restored(scope, node, scope.draft.apply(AvgPool2d(kernel, stride, padding, counted), x))
    for axis in (0, 1):
        x = along(scope, x, 1 + axis, _means(sliding, axis, x.dimensions[1 + axis], counted, ceil))
    return restored(scope, node, x)


def _means(sliding: Windows, axis: int, size: int, counted: bool, ceil: bool) -> Along:
    """The windows along one axis: means over two axes are means along one and then along the other."""
    before, after = sliding.padding[axis], sliding.padding[2 + axis]
    kernel, stride, dilation = (each[axis] for each in (sliding.kernel, sliding.stride, sliding.dilation))
    room = size + before + after - sliding.spans[axis]
    if room < 0:
        raise NetworkError(f"a kernel that reaches over {sliding.spans[axis]} doesn't fit in {size}")
    count = (-(-room // stride) if ceil else room // stride) + 1
    if (count - 1) * stride >= size + before:  # a window that begins behind the frame
        count -= 1
    require_room((count, kernel))
    seen = (np.arange(count) * stride)[:, None] + np.arange(kernel) * dilation - before
    inside = (seen >= 0) & (seen < size)
    divisors = ((seen < size + after) if counted else inside).sum(axis=1)
    rows, places = np.nonzero(inside)
    return Along(count, rows, seen[rows, places], 1 / divisors[rows])


def global_average_pool(scope: Scope, node: Node) -> Tensor:
    """GlobalAveragePool."""
    return restored(scope, node, scope.draft.apply(GlobalAvgPool2d(), spatial(scope, node)))


def max_pool(scope: Scope, node: Node) -> Tensor:
    """MaxPool, where the user chose what stands for it."""
    replacement = _replacement(scope)
    x = spatial(scope, node)
    sliding = windows(node, x, pair(node, "kernel_shape"))
    kernel, stride, padding = sliding.kernel, sliding.stride, sliding.padding
    if sliding.dilation != (1, 1):
        raise NetworkError("it has dilations, which aren't supported; train with a MaxPool without")
    if any(pad >= kernel[axis % 2] for axis, pad in enumerate(padding)):
        raise NetworkError(f"its padding {padding} reaches beyond its kernel {kernel}")
    if node.attributes.get("ceil_mode", 0):
        over = [_over_the_edge(x.dimensions[1 + axis], sliding, axis) for axis in (0, 1)]
        padding = padding[0], padding[1], padding[2] + over[0], padding[3] + over[1]
    return restored(scope, node, scope.draft.pool(MaxPool(kernel, stride, padding, replacement), x))


def global_max_pool(scope: Scope, node: Node) -> Tensor:
    """GlobalMaxPool, where the user allowed the mean to stand for it: no single place can."""
    _replacement(scope)
    x = spatial(scope, node)
    size = x.dimensions[1], x.dimensions[2]
    return restored(scope, node, scope.draft.pool(MaxPool(size, size, (0, 0, 0, 0), "mean"), x))


def _replacement(scope: Scope) -> Replacement:
    if scope.replace_maxpool is None:
        raise NetworkError(
            "comparisons can't be made on ciphertexts. --replace-maxpool mean takes the mean of each window instead, "
            "and --replace-maxpool strided the value in its middle; the report says what that costs, and --finetune "
            "wins most of it back. Or train with average pooling"
        )
    return scope.replace_maxpool


def _over_the_edge(size: int, sliding: Windows, axis: int) -> int:
    """How far the last window of ceil_mode = 1 reaches over the padding; one that begins behind the frame isn't there.

    PyTorch has it so, and ONNX since opset 19.
    """
    before, behind = size + sliding.padding[axis], sliding.padding[2 + axis]
    kernel, stride = sliding.kernel[axis], sliding.stride[axis]
    count = -(-(before + behind - kernel) // stride) + 1
    last = (count - 1) * stride
    return max(0, (last - stride if last >= before else last) + kernel - before - behind)


def reduce_mean(scope: Scope, node: Node) -> Tensor:
    """ReduceMean over any dimensions but the batch."""
    x = scope.tensor(node, 0)
    axes = _axes(scope, node, x)
    kept = bool(node.attributes.get("keepdims", 1))
    if len(x.shape) == len(x.dimensions) == 3 and axes in ((1, 2), (0, 1)):
        turned = x if axes == (1, 2) else x.viewed(np.moveaxis(x.places, -1, 0))
        if turned.in_order:
            mean = scope.draft.apply(GlobalAvgPool2d(), turned)
            if not kept:
                return scope.draft.flatten(mean)
            return mean if axes == (1, 2) else mean.viewed(np.moveaxis(mean.places, 0, -1))
    count = int(np.prod([x.dimensions[axis] for axis in axes]))
    return _reduced(scope, x, axes, kept, 1 / count)


def reduce_sum(scope: Scope, node: Node) -> Tensor:
    """ReduceSum over any dimensions but the batch."""
    x = scope.tensor(node, 0)
    return _reduced(scope, x, _axes(scope, node, x), bool(node.attributes.get("keepdims", 1)), 1.0)


def reduce_sum_square(scope: Scope, node: Node) -> Tensor:
    """ReduceSumSquare over any dimensions but the batch."""
    x = scope.draft.settled(scope.tensor(node, 0))
    squares = replace(x, function=x.function.times(x.function, Step(node.name, node.operator)))
    return _reduced(scope, squares, _axes(scope, node, x), bool(node.attributes.get("keepdims", 1)), 1.0)


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


def _reduced(scope: Scope, x: Tensor, axes: tuple[int, ...], kept: bool, factor: float) -> Tensor:
    if not axes:
        return x
    scope.draft.require_room(x.size)
    sizes = [1 if axis in axes else size for axis, size in enumerate(x.dimensions)]
    rows = np.broadcast_to(np.arange(int(np.prod(sizes))).reshape(sizes), x.dimensions).reshape(-1)
    term = Term(x, rows, np.arange(x.size), np.full(x.size, factor))
    reduced = scope.draft.linear([term], tuple(sizes))
    if kept:
        return reduced
    return reduced.reshaped(tuple(size for axis, size in enumerate(x.dimensions) if axis not in axes))
