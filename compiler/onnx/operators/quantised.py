"""Quantised networks, of which the rounding is left out: real numbers are nearer to what the network was trained as.

What QuantizeLinear gives stands here for the values themselves, and what DynamicQuantizeLinear gives for them with a
scale of 1; `compiler.onnx.draft.kinds` sees that nobody computes with them as integers.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import NetworkError
from compiler.onnx.draft.kinds import Counted, Quantized, ScaleOf
from compiler.onnx.draft.pointwise import Step
from compiler.onnx.draft.tensor import Tensor
from compiler.onnx.file.reading import Node
from compiler.onnx.operators.linear.convolution import conv
from compiler.onnx.operators.linear.dense import matmul
from compiler.onnx.scope import Scope, Value


def quantize(scope: Scope, node: Node) -> Tensor:
    """QuantizeLinear: values that leave what its integers can hold stay at the edge, where that matters at all."""
    x = scope.draft.settled(scope.tensor(node, 0))
    scale, zero = _parameters(scope, node)
    kind = _type(scope, node)
    scope.kinds[node.outputs[0]] = Quantized(scale, zero)
    low, high = ((float(edge) - zero) * scale for edge in (kind.min, kind.max))
    if scope.limiting is not None and node.name not in scope.limiting:
        return x
    step = Step(node.name, node.operator)
    # Behind the scores edges are left out, as rounding is: scores beyond an edge are a tie there, and none in truth.
    bounds = min(max(x.function.bounds[0], low), high), min(max(x.function.bounds[1], low), high)
    function = x.function.then(lambda values: np.minimum(np.maximum(values, low), high), step, bounds, direction=1)
    limited = replace(x, function=function)
    scope.limited[node.name] = scope.draft.items[scope.draft.values(limited)]
    return limited


def dequantize(scope: Scope, node: Node) -> Tensor:
    """DequantizeLinear, of what QuantizeLinear gave with the same scale, or of a frame's bytes."""
    x, given = scope.tensor(node, 0), scope.kinds.get(node.inputs[0])
    scale, zero = _parameters(scope, node)
    if given == Quantized(scale, zero):
        return x
    if isinstance(given, Quantized):
        raise NetworkError("its scale and zero point must be those of the QuantizeLinear before it")
    return scope.draft.affine(x, np.array(scale), np.array(-zero * scale))


def quantize_dynamically(scope: Scope, node: Node) -> tuple[Value, ...]:
    """DynamicQuantizeLinear: integers, their scale, and their zero point."""
    integers, scale, zero = node.outputs
    scope.kinds[integers] = scope.kinds[zero] = Counted(integers)
    scope.kinds[scale] = ScaleOf(integers)
    return scope.tensor(node, 0), np.ones((), np.float32), np.zeros(())


def integer_product(scope: Scope, node: Node) -> Tensor:
    """MatMulInteger and ConvInteger of what DynamicQuantizeLinear gave, with constant weights."""
    weight, zero = scope.numbers(node, 1), scope.optional(node, 3)
    if zero is not None and node.operator == "ConvInteger":  # one for all, or for each of the first axis
        zero = zero.reshape((-1,) + (1,) * (weight.ndim - 1))
    exact = scope.add(node, "weight", weight if zero is None else weight - zero)
    plain = replace(node, operator=node.operator.removesuffix("Integer"), inputs=(node.inputs[0], exact))
    return matmul(scope, plain) if plain.operator == "MatMul" else conv(scope, plain)


def _parameters(scope: Scope, node: Node) -> tuple[float, float]:
    scale, zero = scope.numbers(node, 1), scope.optional(node, 2)
    zero = np.zeros(1) if zero is None else zero
    if scale.size != 1 or zero.size != 1:
        raise NetworkError("it has several scales; values that depend on the frame must have one for all")
    if not np.isfinite(scale).all() or scale.reshape(-1)[0] <= 0:
        raise NetworkError("its scale isn't a positive number; quantize the network again")
    return float(scale.reshape(-1)[0]), float(zero.reshape(-1)[0])


def _type(scope: Scope, node: Node) -> Any:
    """The range of the integers, which is the zero point's type, or by default that of bytes."""
    zero: NDArray[Any] | None = scope.values.get(node.inputs[2]) if len(node.inputs) > 2 else None  # type: ignore
    dtype = np.dtype(np.uint8) if zero is None else zero.dtype
    if dtype.kind not in "iu":
        raise NetworkError("it quantizes to something else than integers; use int8 or uint8")
    return np.iinfo(dtype)
