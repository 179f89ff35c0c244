"""Arithmetic on each value, which forms polynomials, parts of activations, and residual sums."""

from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import NetworkError
from common.plan.layers import Array
from compiler.onnx.draft.bounds import ANY, Bounds, images
from compiler.onnx.draft.pointwise import MOST_DEGREE, Pointwise, Step, combined, constant
from compiler.onnx.draft.tensor import Tensor, met, per_channel
from compiler.onnx.file.reading import Node
from compiler.onnx.scope import Scope, Value


def add(scope: Scope, node: Node) -> Tensor:
    """Add: a bias, part of a polynomial, or a residual connection."""
    return added(scope, scope.value(node, 0), scope.value(node, 1))


def subtract(scope: Scope, node: Node) -> Tensor:
    """Sub, as the sum with what is negated."""
    second = scope.value(node, 1)
    negated = scaled(second, -1.0) if isinstance(second, Tensor) else -np.asarray(second, dtype=np.float64)
    return added(scope, scope.value(node, 0), negated)


def multiply(scope: Scope, node: Node) -> Tensor:
    """Mul: a factor, a product of functions of the same tensor, or one of two tensors."""
    first, second = scope.value(node, 0), scope.value(node, 1)
    if not isinstance(first, Tensor) or not isinstance(second, Tensor):
        return scope.draft.affine(*_with_constant(first, second), None)
    return product(scope, first, second, Step(node.name, node.operator))


def divide(scope: Scope, node: Node) -> Tensor:
    """Div by a constant, which mustn't be zero, or by a function of the same tensor."""
    first, second = scope.value(node, 0), scope.value(node, 1)
    if not isinstance(second, Tensor):
        if not np.all(second):
            raise NetworkError("it divides by zero")
        return scope.draft.affine(scope.tensor(node, 0), 1 / _finite(second), None)
    second = scope.draft.settled(second)
    inverse = replace(second, function=reciprocal(second.function, Step(node.name, node.operator)))
    if not isinstance(first, Tensor):
        return scope.draft.affine(inverse, _finite(first), None)
    first = scope.draft.settled(first)
    if not first.same_values_as(second):
        raise NetworkError("it divides two tensors; ciphertexts can only be divided by constants")
    return replace(first, function=first.function.times(inverse.function))


def negate(scope: Scope, node: Node) -> Tensor:
    """Neg."""
    return scaled(scope.tensor(node, 0), -1.0)


def power(scope: Scope, node: Node) -> Tensor:
    """Pow: a product where the exponent is a small whole number, an activation where it is any other constant."""
    tensor, (base, exponent) = of_one_value(scope, node, 2)
    step = Step(node.name, node.operator)
    low, high = exponent.bounds
    whole = exponent.is_constant and low == high and low in range(1, MOST_DEGREE + 1)
    if whole and base.degree is not None and base.degree * low <= MOST_DEGREE:
        return replace(tensor, function=reduce(lambda x, _: x.times(base, step), range(int(low) - 1), base))
    direction, bounds = _power_direction(base, exponent), ANY
    if direction and exponent.is_constant:
        bounds = images(lambda x: np.power(x, low), base.bounds)
    elif direction:
        bounds = images(lambda x: np.power(base.bounds[0], x), exponent.bounds)
    function = combined(np.power, (base, exponent), step, bounds=bounds, direction=direction)
    return replace(tensor, function=function)


def extreme(scope: Scope, node: Node) -> Tensor:
    """Max and Min of constants and functions of the same tensor."""
    tensor, functions = of_one_value(scope, node)
    operation, choose = (np.maximum, max) if node.operator == "Max" else (np.minimum, min)
    step = Step(node.name, node.operator)

    def of_two(first: Pointwise, second: Pointwise) -> Pointwise:
        bounds = tuple(choose(pair) for pair in zip(first.bounds, second.bounds, strict=True))
        return combined(operation, (first, second), step, bounds=(bounds[0], bounds[1]))

    return replace(tensor, function=reduce(of_two, functions))


def of_one_value(scope: Scope, node: Node, count: int | None = None) -> tuple[Tensor, list[Pointwise]]:
    """All inputs as functions of the same value, constants among them, and the tensor that has these values.

    Raises `NetworkError` where they aren't `count` if that is given, depend on different tensors, or none of them
    depends on the frame.
    """
    if count is not None and len(node.inputs) != count:
        raise NetworkError(f"it has {len(node.inputs)} inputs; it must have {count}")
    values = [scope.value(node, place) for place in range(len(node.inputs))]
    values = [scope.draft.settled(value) if isinstance(value, Tensor) else value for value in values]
    tensors = [value for value in values if isinstance(value, Tensor)]
    if not tensors:
        raise NetworkError("one of its inputs must depend on the frame")
    if any(not tensors[0].same_values_as(other) for other in tensors[1:]):
        raise NetworkError(
            "it joins two tensors; only functions of the same tensor, as in x · sigmoid(x), and constants can be joined"
        )
    functions = [
        value.function if isinstance(value, Tensor) else for_each_channel(value, tensors[0]) for value in values
    ]
    return tensors[0], functions


def for_each_channel(values: NDArray[Any], tensor: Tensor) -> Pointwise:
    """A constant that meets a tensor, as a function. Raises `NetworkError` where it differs within a channel."""
    expanded, full = met(tensor, _finite(values))
    channels = per_channel(full, tensor) if expanded.dimensions == tensor.dimensions else None
    if channels is None:
        raise NetworkError("its constant differs between positions of a channel; give one value for each channel")
    return constant(channels)


def reciprocal(function: Pointwise, step: Step) -> Pointwise:
    """One divided by a function."""
    low, high = function.bounds
    bounds: Bounds = ANY
    if low >= 0:
        bounds = images(lambda x: 1 / x, function.bounds)
    return function.then(np.reciprocal, step, bounds, -1 if low >= 0 or high <= 0 else 0)


def _power_direction(base: Pointwise, exponent: Pointwise) -> int:
    (least, most), (low, high) = base.bounds, exponent.bounds
    if exponent.is_constant and low == high:
        odd = low > 0 and low % 2 == 1
        return int(np.sign(low)) if least >= 0 or odd else 0
    if base.is_constant and least == most and least > 0:
        return int(np.sign(least - 1))
    return 0


def added(scope: Scope, first: Value, second: Value) -> Tensor:
    """The sum of two tensors, or of a tensor and a constant."""
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        if first.same_values_as(second):
            return replace(first, function=first.function.plus(second.function))
        return scope.draft.add(first, second)
    tensor, values = _with_constant(first, second)
    return scope.draft.affine(tensor, None, values)


def product(scope: Scope, first: Tensor, second: Tensor, step: Step) -> Tensor:
    """The product of functions of the same tensor, which is another one, or of two tensors."""
    first, second = scope.draft.settled(first), scope.draft.settled(second)
    if not first.same_values_as(second):
        return scope.draft.multiply(first, second)
    return replace(first, function=first.function.times(second.function, step))


def scaled(tensor: Tensor, factor: float) -> Tensor:
    """A multiple of a tensor."""
    return replace(tensor, function=tensor.function.times(constant(np.full(tensor.shape[0], factor))))


def _with_constant(first: Value, second: Value) -> tuple[Tensor, Array]:
    tensor, values = (first, second) if isinstance(first, Tensor) else (second, first)
    if not isinstance(tensor, Tensor) or isinstance(values, Tensor):
        raise NetworkError("one of its inputs must depend on the frame and the other be constant")
    return tensor, _finite(values)


def _finite(values: NDArray[Any]) -> Array:
    array = np.asarray(values, dtype=np.float64)
    if not np.isfinite(array).all():
        raise NetworkError("its constant has values that aren't finite")
    return array
