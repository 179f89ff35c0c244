"""Operators that become linear layers: convolution, pooling, normalisation, matrices, padding."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import NetworkError
from common.plan.layers import AvgPool2d, BatchNorm, Conv2d, Dense, GlobalAvgPool2d, Pad2d
from compiler.onnx.draft import Layout, Tensor
from compiler.onnx.max_pooling import MaxPool, Replacement
from compiler.onnx.reading import Node
from compiler.onnx.scope import Scope

#: Elements of padding on one side, at most.
_MOST_PADDING = 1024


def conv(scope: Scope, node: Node) -> Tensor:
    """Conv, in two dimensions, with weights that are constant."""
    x, weight = _spatial(scope, node), scope.numbers(node, 1)
    if weight.ndim != 4:
        raise NetworkError(f"its weight has shape {weight.shape}; convolutions must be in two dimensions")
    bias = scope.optional(node, 2)
    if "kernel_shape" in node.attributes and tuple(node.attributes["kernel_shape"]) != weight.shape[2:]:
        raise NetworkError(f"its kernel_shape is {node.attributes['kernel_shape']}, its weight {weight.shape}")
    groups = node.attributes.get("group", 1)
    if groups < 1 or len(weight) % groups or weight.shape[1] * groups != x.shape[0]:
        raise NetworkError(f"a weight of shape {weight.shape} in {groups} groups doesn't fit {x.shape[0]} channels")
    stride, dilation = _pair(node, "strides"), _pair(node, "dilations")
    return scope.draft.apply(
        Conv2d(
            weight=weight,
            bias=np.zeros(len(weight)) if bias is None else bias,
            stride=stride,
            padding=_padding(node, x, weight.shape[2:], stride, dilation),
            dilation=dilation,
            groups=groups,
        ),
        x,
    )


def average_pool(scope: Scope, node: Node) -> Tensor:
    """AveragePool, whose padding counts only with count_include_pad."""
    x, kernel, stride = _spatial(scope, node), _pair(node, "kernel_shape"), _pair(node, "strides")
    if _pair(node, "dilations") != (1, 1):
        raise NetworkError("it has dilations, which aren't supported; use a depthwise convolution")
    padding = _padding(node, x, kernel, stride, (1, 1))
    sizes = [x.shape[1] + padding[0] + padding[2], x.shape[2] + padding[1] + padding[3]]
    if node.attributes.get("ceil_mode", 0) and any((sizes[axis] - kernel[axis]) % stride[axis] for axis in (0, 1)):
        raise NetworkError("it has ceil_mode = 1, with windows that reach over the edge; export with ceil_mode=False")
    if any(pad >= kernel[axis % 2] for axis, pad in enumerate(padding)):
        raise NetworkError(f"its padding {padding} reaches beyond its kernel {kernel}")
    counted = bool(node.attributes.get("count_include_pad", 0)) or not any(padding)
    return scope.draft.apply(AvgPool2d(kernel, stride, padding, counted), x)


def global_average_pool(scope: Scope, node: Node) -> Tensor:
    """GlobalAveragePool."""
    return scope.draft.apply(GlobalAvgPool2d(), _spatial(scope, node))


def max_pool(scope: Scope, node: Node) -> Tensor:
    """MaxPool, where the user chose what stands for it."""
    replacement = _replacement(scope)
    x, kernel, stride = _spatial(scope, node), _pair(node, "kernel_shape"), _pair(node, "strides")
    if _pair(node, "dilations") != (1, 1):
        raise NetworkError("it has dilations, which aren't supported; train with a MaxPool without")
    top, left, bottom, right = padding = _padding(node, x, kernel, stride, (1, 1))
    if any(pad >= kernel[axis % 2] for axis, pad in enumerate(padding)):
        raise NetworkError(f"its padding {padding} reaches beyond its kernel {kernel}")
    if node.attributes.get("ceil_mode", 0):
        bottom += _over_the_edge(x.shape[1] + top, bottom, kernel[0], stride[0])
        right += _over_the_edge(x.shape[2] + left, right, kernel[1], stride[1])
    return scope.draft.pool(MaxPool(kernel, stride, (top, left, bottom, right), replacement), x)


def global_max_pool(scope: Scope, node: Node) -> Tensor:
    """GlobalMaxPool, where the user allowed the mean to stand for it: no single place can."""
    _replacement(scope)
    x = _spatial(scope, node)
    size = x.shape[1], x.shape[2]
    return scope.draft.pool(MaxPool(size, size, (0, 0, 0, 0), "mean"), x)


def reduce_mean(scope: Scope, node: Node) -> Tensor:
    """ReduceMean over height and width, which is how x.mean((2, 3)) is exported."""
    x = scope.tensor(node, 0)
    axes_input = scope.optional(node, 1)
    listed = node.attributes.get("axes", []) if axes_input is None else axes_input.reshape(-1)
    axes = sorted(int(axis) % (len(x.dimensions) + 1) for axis in listed)
    if axes != ([1, 2] if x.layout is Layout.CHANNELS_LAST else [2, 3]) or len(x.shape) != 3:
        raise NetworkError(f"it takes means over axes {axes}; only those over height and width are supported")
    mean = scope.draft.apply(GlobalAvgPool2d(), x)
    return mean if node.attributes.get("keepdims", 1) else scope.draft.flatten(mean)


def batch_normalization(scope: Scope, node: Node) -> Tensor:
    """BatchNormalization by the statistics of training."""
    x = scope.tensor(node, 0)
    if x.layout not in (Layout.CHANNELS_FIRST, Layout.FLAT):
        raise NetworkError(f"its input is laid out as {x.layout.value}; it must have its channels first")
    if node.attributes.get("training_mode", 0):
        raise NetworkError("it has training_mode = 1; call model.eval() before the export")
    gamma, beta, mean, variance = (scope.numbers(node, place) for place in range(1, 5))
    epsilon = float(node.attributes.get("epsilon", 1e-5))
    if any(values.shape != (x.shape[0],) for values in (gamma, beta, mean, variance)):
        raise NetworkError(f"its statistics don't fit {x.shape[0]} channels")
    if np.any(variance + epsilon <= 0):
        raise NetworkError("its variance isn't positive; train or export the network again")
    return scope.draft.apply(BatchNorm(mean, variance, gamma, beta, epsilon), x)


def gemm(scope: Scope, node: Node) -> Tensor:
    """Gemm: alpha · x · W + beta · bias."""
    if node.attributes.get("transA", 0):
        raise NetworkError("it has transA = 1, which would mix frames")
    weight, bias = scope.numbers(node, 1), scope.optional(node, 2)
    weight = weight if node.attributes.get("transB", 0) else weight.T
    bias = np.zeros(1) if bias is None else bias * node.attributes.get("beta", 1.0)
    return _dense(scope, node, weight * node.attributes.get("alpha", 1.0), bias)


def matmul(scope: Scope, node: Node) -> Tensor:
    """MatMul of features with constant weights."""
    return _dense(scope, node, scope.numbers(node, 1).T, np.zeros(1))


def pad(scope: Scope, node: Node) -> Tensor:
    """Pad with zeros, around the channels."""
    x = scope.tensor(node, 0)
    rank = len(x.dimensions) + 1
    value, listed = scope.optional(node, 2), scope.optional(node, 3)
    if node.attributes.get("mode", "constant") != "constant" or (value is not None and np.any(value != 0)):
        raise NetworkError("it pads with something else than zeros; use zeros")
    axes = range(rank) if listed is None else [int(axis) % rank for axis in listed.reshape(-1)]
    amounts = scope.numbers(node, 1).reshape(2, -1).astype(int)
    around = {axis: (int(amounts[0, place]), int(amounts[1, place])) for place, axis in enumerate(axes)}
    rows, columns = (1, 2) if x.layout is Layout.CHANNELS_LAST else (2, 3)
    if any(any(amount) for axis, amount in around.items() if axis not in (rows, columns)):
        raise NetworkError("it pads the batch or the channels; only height and width may be padded")
    (top, bottom), (left, right) = around.get(rows, (0, 0)), around.get(columns, (0, 0))
    if not any((top, left, bottom, right)):
        return x
    if len(x.shape) != 3 or x.layout is Layout.PLANE:
        raise NetworkError(f"it pads {x.layout.value}; only channels with height and width may be padded")
    return scope.draft.apply(Pad2d(_checked((top, left, bottom, right))), x)


def _dense(scope: Scope, node: Node, weight: NDArray[Any], bias: NDArray[Any]) -> Tensor:
    x = scope.tensor(node, 0)
    if x.layout is not Layout.FLAT:
        raise NetworkError(f"its input has {x.dimensions} for each frame; put Flatten before it")
    if weight.ndim != 2 or weight.shape[1] != x.shape[0]:
        raise NetworkError(f"weights for {weight.shape[-1]} features meet {x.shape[0]}")
    return scope.draft.apply(Dense(weight, np.broadcast_to(bias.reshape(-1), len(weight)).copy()), x)


def _spatial(scope: Scope, node: Node) -> Tensor:
    x = scope.tensor(node, 0)
    if x.layout is not Layout.CHANNELS_FIRST:
        raise NetworkError(f"its input is laid out as {x.layout.value}; it must be channels, height, width")
    return x


def _replacement(scope: Scope) -> Replacement:
    if scope.replace_maxpool is None:
        raise NetworkError(
            "comparisons can't be made on ciphertexts. --replace-maxpool mean takes the mean of each window instead, "
            "and --replace-maxpool strided the value in its middle; the report says what that costs, and --finetune "
            "wins most of it back. Or train with average pooling"
        )
    return scope.replace_maxpool


def _over_the_edge(before: int, padding: int, kernel: int, stride: int) -> int:
    """How far the last window of ceil_mode = 1 reaches over the padding behind `before` values.

    As in PyTorch, a window that would begin in that padding isn't there.
    """
    windows = -(-(before + padding - kernel) // stride) + 1
    if (windows - 1) * stride >= before:
        windows -= 1
    return max(0, (windows - 1) * stride + kernel - before - padding)


def _pair(node: Node, attribute: str) -> tuple[int, int]:
    values = node.attributes.get(attribute) or [1, 1]
    if len(values) != 2 or min(values) < 1:
        raise NetworkError(f"its {attribute} are {list(values)}; give two numbers from 1 on")
    return int(values[0]), int(values[1])


def _padding(
    node: Node, x: Tensor, kernel: tuple[int, ...], stride: tuple[int, int], dilation: tuple[int, int]
) -> tuple[int, int, int, int]:
    """(top, left, bottom, right), as axes_input or as auto_pad wants it."""
    automatic = node.attributes.get("auto_pad", "NOTSET")
    if automatic == "NOTSET":
        pads = [int(amount) for amount in node.attributes.get("pads") or [0] * 4]
        if len(pads) != 4:
            raise NetworkError(f"its pads are {pads}; give four numbers")
        return _checked((pads[0], pads[1], pads[2], pads[3]))
    if automatic == "VALID":
        return 0, 0, 0, 0
    if automatic not in ("SAME_UPPER", "SAME_LOWER"):
        raise NetworkError(f"its auto_pad is {automatic!r}; it must be NOTSET, VALID, SAME_UPPER or SAME_LOWER")
    totals = []
    for axis in (0, 1):
        size, span = x.shape[axis + 1], (kernel[axis] - 1) * dilation[axis] + 1
        totals.append(max(0, (-(-size // stride[axis]) - 1) * stride[axis] + span - size))
    less, more = [total // 2 for total in totals], [total - total // 2 for total in totals]
    before, after = (less, more) if automatic == "SAME_UPPER" else (more, less)
    return _checked((before[0], before[1], after[0], after[1]))


def _checked(pads: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    if min(pads) < 0 or max(pads) > _MOST_PADDING:
        raise NetworkError(f"its pads are {pads}; they must be from 0 to {_MOST_PADDING}")
    return pads
