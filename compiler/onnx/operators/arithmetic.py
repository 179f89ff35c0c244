"""Arithmetic on each value, which forms polynomials, parts of activations, and residual sums."""

from dataclasses import replace
from functools import reduce

import numpy as np

from common.errors import NetworkError
from compiler.onnx.bounds import ANY, Bounds, images
from compiler.onnx.draft import Tensor, per_channel
from compiler.onnx.pointwise import MOST_DEGREE, Pointwise, Step, combined, constant
from compiler.onnx.reading import Node
from compiler.onnx.scope import Scope, Value


def add(scope: Scope, node: Node) -> Tensor:
    """Add: a bias, part of a polynomial, or a residual connection."""
    return _sum(scope, scope.value(node, 0), scope.value(node, 1))


def add_all(scope: Scope, node: Node) -> Tensor:
    """Sum and Mean of any number of inputs."""
    first, *others = [scope.value(node, place) for place in range(len(node.inputs))]
    total = reduce(lambda x, y: _sum_of_any(scope, x, y), others, first)
    if not isinstance(total, Tensor):
        raise NetworkError("its inputs are constant, but one must depend on the frame")
    return _scaled(total, 1 / len(node.inputs)) if node.operator == "Mean" else total


def subtract(scope: Scope, node: Node) -> Tensor:
    """Sub, as the sum with what is negated."""
    second = scope.value(node, 1)
    negated = _scaled(second, -1.0) if isinstance(second, Tensor) else -np.asarray(second, dtype=np.float64)
    return _sum(scope, scope.value(node, 0), negated)


def multiply(scope: Scope, node: Node) -> Tensor:
    """Mul: a factor, or a product of functions of the same tensor."""
    tensor, (first, second) = of_one_value(scope, node)
    step = None if first.is_constant or second.is_constant else Step(node.name, node.operator)
    return replace(tensor, function=first.times(second, step))


def divide(scope: Scope, node: Node) -> Tensor:
    """Div by a constant, which mustn't be zero, or by a function of the same tensor."""
    tensor, (first, second) = of_one_value(scope, node)
    if second.coefficients is not None and second.is_constant:
        if not second.coefficients[0].all():
            raise NetworkError("it divides by zero")
        return replace(tensor, function=first.times(constant(1 / second.coefficients[0])))
    return replace(tensor, function=first.times(reciprocal(second, Step(node.name, node.operator))))


def negate(scope: Scope, node: Node) -> Tensor:
    """Neg."""
    return _scaled(scope.tensor(node, 0), -1.0)


def power(scope: Scope, node: Node) -> Tensor:
    """Pow: a product where the exponent is a small whole number, an activation where it is any other constant."""
    tensor, (base, exponent) = of_one_value(scope, node)
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


def of_one_value(scope: Scope, node: Node) -> tuple[Tensor, list[Pointwise]]:
    """All inputs as functions of the same value, constants among them, and the tensor that has these values.

    Raises `NetworkError` where they depend on different tensors, or none of them on the frame.
    """
    values = [scope.value(node, place) for place in range(len(node.inputs))]
    tensors = [value for value in values if isinstance(value, Tensor)]
    if not tensors:
        raise NetworkError("one of its inputs must depend on the frame")
    if any(not _same_base(tensors[0], other) for other in tensors[1:]):
        raise NetworkError(
            "it joins two tensors; only functions of the same tensor, as in x · sigmoid(x), and constants can be joined"
        )
    return tensors[0], [
        value.function if isinstance(value, Tensor) else _constant(value, tensors[0]) for value in values
    ]


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


def _same_base(first: Tensor, second: Tensor) -> bool:
    return (first.base, first.shape, first.layout, first.ranked) == (
        second.base,
        second.shape,
        second.layout,
        second.ranked,
    )


def _sum(scope: Scope, first: Value, second: Value) -> Tensor:
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        if _same_base(first, second):
            return replace(first, function=first.function.plus(second.function))
        return scope.draft.add(first, second)
    tensor, values = (first, second) if isinstance(first, Tensor) else (second, first)
    if not isinstance(tensor, Tensor) or isinstance(values, Tensor):
        raise NetworkError("one of its inputs must depend on the frame and the other be constant")
    return replace(tensor, function=tensor.function.plus(_constant(values, tensor)))


def _sum_of_any(scope: Scope, first: Value, second: Value) -> Value:
    if isinstance(first, Tensor) or isinstance(second, Tensor):
        return _sum(scope, first, second)
    return np.add(first, second)


def _constant(values: Value, tensor: Tensor) -> Pointwise:
    array = per_channel(np.asarray(values), tensor)
    if not np.isfinite(array).all():
        raise NetworkError("its constant has values that aren't finite")
    return constant(array)


def _scaled(tensor: Tensor, factor: float) -> Tensor:
    channels = tensor.shape[0]
    return replace(tensor, function=tensor.function.times(constant(np.full(channels, factor))))
