"""Convolutions, and those that are transposed."""

import numpy as np

from common.errors import NetworkError
from common.plan.layers import Array, Conv2d
from compiler.onnx.draft.sparse import Term
from compiler.onnx.draft.tensor import Tensor, require_room
from compiler.onnx.file.reading import Node
from compiler.onnx.operators.linear.windows import checked, listed_pads, pair, restored, spatial, windows
from compiler.onnx.scope import Scope


def conv(scope: Scope, node: Node) -> Tensor:
    """Conv, in one or two dimensions, with weights that are constant."""
    x, weight = spatial(scope, node), _weight(scope, node)
    bias = scope.optional(node, 2)
    groups = node.attributes.get("group", 1)
    if groups < 1 or len(weight) % groups or weight.shape[1] * groups != x.dimensions[0]:
        raise NetworkError(
            f"a weight of shape {weight.shape} in {groups} groups doesn't fit {x.dimensions[0]} channels"
        )
    sliding = windows(node, x, (weight.shape[2], weight.shape[3]))
    layer = Conv2d(
        weight=weight,
        bias=np.zeros(len(weight)) if bias is None else bias,
        stride=sliding.stride,
        padding=sliding.padding,
        dilation=sliding.dilation,
        groups=groups,
    )
    return restored(scope, node, scope.draft.apply(layer, x))


def conv_transpose(scope: Scope, node: Node) -> Tensor:
    """ConvTranspose: the frame's values apart from each other, `strides` wide, and a convolution over them.

    The convolution's kernel is turned round, and its step is 1.
    """
    x, weight = spatial(scope, node), _weight(scope, node)
    groups = node.attributes.get("group", 1)
    channels, height, width = x.dimensions
    if groups < 1 or len(weight) % groups or len(weight) != channels:
        raise NetworkError(f"a weight of shape {weight.shape} in {groups} groups doesn't fit {channels} channels")
    stride, dilation = pair(node, "strides"), pair(node, "dilations")
    reach = [(weight.shape[2 + axis] - 1) * dilation[axis] for axis in (0, 1)]
    natural = [(size - 1) * step + far + 1 for size, step, far in zip((height, width), stride, reach, strict=True)]
    (top, left), out = _output(node, (height, width), stride, natural)
    canvas = (channels, out[0] + reach[0], out[1] + reach[1])
    require_room(canvas)
    rows = np.arange(height) * stride[0] + reach[0] - top
    columns = np.arange(width) * stride[1] + reach[1] - left
    target = (np.arange(channels)[:, None, None] * canvas[1] + rows[:, None]) * canvas[2] + columns
    inside = ((rows >= 0) & (rows < canvas[1]))[:, None] & ((columns >= 0) & (columns < canvas[2]))
    used = np.flatnonzero(np.broadcast_to(inside, x.dimensions))
    spread = scope.draft.linear([Term(x, target.reshape(-1)[used], used, np.ones(len(used)))], canvas)
    turned = weight.reshape(groups, channels // groups, *weight.shape[1:]).swapaxes(1, 2)[..., ::-1, ::-1]
    turned = turned.reshape(groups * weight.shape[1], channels // groups, *weight.shape[2:]).copy()
    bias = scope.optional(node, 2)
    layer = Conv2d(turned, np.zeros(len(turned)) if bias is None else bias, dilation=dilation, groups=groups)
    return restored(scope, node, scope.draft.apply(layer, spread))


def _output(
    node: Node, size: tuple[int, int], stride: tuple[int, int], natural: list[int]
) -> tuple[tuple[int, int], list[int]]:
    """What is cut off at top and left, and the size that is left, of an output that has the size `natural`."""
    extra = [int(amount) for amount in node.attributes.get("output_padding") or [0, 0]]
    extra = [0, *extra] if len(extra) == 1 else extra
    automatic = node.attributes.get("auto_pad", "NOTSET")
    wanted = [int(number) for number in node.attributes.get("output_shape") or []][-2:]
    wanted = [1, *wanted] if len(wanted) == 1 else wanted
    if automatic in ("SAME_UPPER", "SAME_LOWER") and not wanted:
        wanted = [min(size[axis] * stride[axis], natural[axis] + extra[axis]) for axis in (0, 1)]
    if len(extra) != 2 or min(extra) < 0 or max(extra) > max(stride) * 2:
        raise NetworkError(f"its output_padding is {extra}, with strides of {stride}")
    if not wanted:
        top, left, bottom, right = (0, 0, 0, 0) if automatic == "VALID" else checked(listed_pads(node))
        out = [natural[0] + extra[0] - top - bottom, natural[1] + extra[1] - left - right]
        return (top, left), out
    totals = [max(0, natural[axis] + extra[axis] - wanted[axis]) for axis in (0, 1)]
    before = [total // 2 if automatic == "SAME_UPPER" else total - total // 2 for total in totals]
    return (before[0], before[1]), wanted


def _weight(scope: Scope, node: Node) -> Array:
    weight = scope.numbers(node, 1)
    if "kernel_shape" in node.attributes and tuple(node.attributes["kernel_shape"]) != weight.shape[2:]:
        raise NetworkError(f"its kernel_shape is {node.attributes['kernel_shape']}, its weight {weight.shape}")
    if weight.ndim == len(scope.tensor(node, 0).dimensions) + 1 == 3:
        weight = weight[:, :, None]
    if weight.ndim != 4 or not weight.size:
        raise NetworkError(f"its weight has shape {weight.shape}; convolutions must be in one or two dimensions")
    return weight
