"""Means over windows and over whole channels, and what stands for their maxima."""

import numpy as np

from common.errors import NetworkError
from common.plan.layers import AvgPool2d, GlobalAvgPool2d
from compiler.onnx.draft.tensor import Tensor, require_room
from compiler.onnx.file.reading import Node
from compiler.onnx.max_pooling import MaxPool, Replacement
from compiler.onnx.operators.linear.axes import Along, along
from compiler.onnx.operators.linear.windows import Windows, pair, restored, spatial, windows
from compiler.onnx.scope import Scope


def average_pool(scope: Scope, node: Node) -> Tensor:
    """AveragePool, whose padding counts only with count_include_pad."""
    x = spatial(scope, node)
    sliding = _windows(node, x)
    kernel, stride, padding = sliding.kernel, sliding.stride, sliding.padding
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
    count = _count(sliding, axis, size, ceil)
    require_room((count, kernel))
    seen = (np.arange(count) * stride)[:, None] + np.arange(kernel) * dilation - before
    inside = (seen >= 0) & (seen < size)
    divisors = ((seen < size + after) if counted else inside).sum(axis=1)
    rows, places = np.nonzero(inside)
    return Along(count, rows, seen[rows, places], 1 / divisors[rows])


def _windows(node: Node, x: Tensor) -> Windows:
    sliding = windows(node, x, pair(node, "kernel_shape"))
    if any(pad >= sliding.kernel[axis % 2] for axis, pad in enumerate(sliding.padding)):
        raise NetworkError(f"its padding {sliding.padding} reaches beyond its kernel {sliding.kernel}")
    return sliding


def _count(sliding: Windows, axis: int, size: int, ceil: bool) -> int:
    """How many windows there are along one axis; with `ceil` the last may reach over the padding, but not begin there.

    PyTorch has it so, and ONNX since opset 19.
    """
    before, after = sliding.padding[axis], sliding.padding[2 + axis]
    room, stride = size + before + after - sliding.spans[axis], sliding.stride[axis]
    if room < 0:
        raise NetworkError(f"a kernel that reaches over {sliding.spans[axis]} doesn't fit in {size}")
    count = (-(-room // stride) if ceil else room // stride) + 1
    return count - 1 if (count - 1) * stride >= size + before else count


def global_average_pool(scope: Scope, node: Node) -> Tensor:
    """GlobalAveragePool."""
    return restored(scope, node, scope.draft.apply(GlobalAvgPool2d(), spatial(scope, node)))


def max_pool(scope: Scope, node: Node) -> Tensor:
    """MaxPool, where the user chose what stands for it."""
    replacement = _replacement(scope)
    x = spatial(scope, node)
    sliding = _windows(node, x)
    kernel, stride, padding = sliding.kernel, sliding.stride, sliding.padding
    if sliding.dilation != (1, 1):
        raise NetworkError("it has dilations, which aren't supported; train with a MaxPool without")
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
    """How far the last window of ceil_mode = 1 reaches over the padding."""
    last = (_count(sliding, axis, size, ceil=True) - 1) * sliding.stride[axis]
    return max(0, last + sliding.kernel[axis] - sliding.padding[axis] - size - sliding.padding[2 + axis])
