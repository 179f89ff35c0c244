"""Operators on each value: arithmetic, which forms polynomials and residual sums, and activations."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from common.errors import NetworkError
from common.plan.layers import Array
from compiler.onnx.pointwise import MOST_DEGREE, Step, constant
from compiler.onnx.reading import Node
from compiler.onnx.scope import Scope, Value
from compiler.onnx.tensor import Tensor

#: An activation made from its node, at a scope that may hold bounds or slopes.
Maker = Callable[[Scope, Node], Callable[[Array], Array]]


def add(scope: Scope, node: Node) -> Tensor:
    """Add: a bias, part of a polynomial, or a residual connection."""
    return added(scope, scope.value(node, 0), scope.value(node, 1))


def subtract(scope: Scope, node: Node) -> Tensor:
    """Sub, as the sum with what is negated."""
    second = scope.value(node, 1)
    negated = _scaled(second, -1.0) if isinstance(second, Tensor) else -np.asarray(second, dtype=np.float64)
    return added(scope, scope.value(node, 0), negated)


def multiply(scope: Scope, node: Node) -> Tensor:
    """Mul: a factor, a product of functions of the same tensor, or one of two tensors."""
    first, second = scope.value(node, 0), scope.value(node, 1)
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return _product(scope, first, second, Step(node.name, node.operator))
    tensor, values = _with_constant(first, second)
    return scope.draft.affine(tensor, values, None)


def divide(scope: Scope, node: Node) -> Tensor:
    """Div by a constant."""
    if isinstance(scope.value(node, 1), Tensor):
        raise NetworkError("it divides by what depends on the frame, and ciphertexts can't be divided by")
    tensor, values = scope.tensor(node, 0), scope.numbers(node, 1)
    if not values.all():
        raise NetworkError("it divides by zero")
    return scope.draft.affine(tensor, 1 / values, None)


def negate(scope: Scope, node: Node) -> Tensor:
    """Neg."""
    return _scaled(scope.tensor(node, 0), -1.0)


def power(scope: Scope, node: Node) -> Tensor:
    """Pow with a constant whole exponent."""
    tensor, exponents = scope.tensor(node, 0), scope.numbers(node, 1)
    exponent = float(exponents.reshape(-1)[0]) if exponents.size else math.nan
    if not np.all(exponents == exponent) or exponent not in range(1, MOST_DEGREE + 1):
        raise NetworkError(f"its exponent is {exponent:g}; it must be one whole number from 1 to {MOST_DEGREE}")
    result = tensor
    for _ in range(int(exponent) - 1):
        result = _product(scope, result, tensor, Step(node.name, node.operator))
    return result


def activation(scope: Scope, node: Node) -> Tensor:
    """Any of `ACTIVATIONS`."""
    tensor = scope.draft.settled(scope.tensor(node, 0))
    function = ACTIVATIONS[node.operator](scope, node)
    return replace(tensor, function=tensor.function.then(function, Step(node.name, node.operator)))


def _product(scope: Scope, first: Tensor, second: Tensor, step: Step) -> Tensor:
    first, second = scope.draft.settled(first), scope.draft.settled(second)
    if not _same_base(first, second):
        return scope.draft.multiply(first, second)
    product = first.function.times(second.function, step)
    if (product.degree or 0) > MOST_DEGREE:
        raise NetworkError(f"it makes a polynomial of degree {product.degree}; at most {MOST_DEGREE} is supported")
    return replace(first, function=product)


def _same_base(first: Tensor, second: Tensor) -> bool:
    return first.base == second.base and first.stands_as(second)


def added(scope: Scope, first: Value, second: Value) -> Tensor:
    """The sum of two tensors, or of a tensor and a constant."""
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        if _same_base(first, second):
            return replace(first, function=first.function.plus(second.function))
        return scope.draft.add(first, second)
    tensor, values = _with_constant(first, second)
    return scope.draft.affine(tensor, None, values)


def _with_constant(first: Value, second: Value) -> tuple[Tensor, Array]:
    tensor, values = (first, second) if isinstance(first, Tensor) else (second, first)
    if not isinstance(tensor, Tensor) or isinstance(values, Tensor):
        raise NetworkError("one of its inputs must depend on the frame and the other be constant")
    return tensor, np.asarray(values, dtype=np.float64)


def _scaled(tensor: Tensor, factor: float) -> Tensor:
    channels = tensor.shape[0]
    return replace(tensor, function=tensor.function.times(constant(np.full(channels, factor))))


def _clip(scope: Scope, node: Node) -> Callable[[Array], Array]:
    bounds = [scope.optional(node, place) for place in (1, 2)]
    low, high = (None if bound is None else float(bound.reshape(-1)[0]) for bound in bounds)
    return lambda x: np.clip(x, -math.inf if low is None else low, math.inf if high is None else high)


def _attribute(node: Node, name: str, default: float) -> float:
    return float(node.attributes.get(name, default))


def _leaky_relu(_: Scope, node: Node) -> Callable[[Array], Array]:
    slope = _attribute(node, "alpha", 0.01)
    return lambda x: np.where(x < 0, slope * x, x)


def _elu(_: Scope, node: Node) -> Callable[[Array], Array]:
    alpha = _attribute(node, "alpha", 1.0)
    return lambda x: np.where(x < 0, alpha * np.expm1(np.minimum(x, 0)), x)


def _hard_sigmoid(_: Scope, node: Node) -> Callable[[Array], Array]:
    alpha, beta = _attribute(node, "alpha", 0.2), _attribute(node, "beta", 0.5)
    return lambda x: np.clip(alpha * x + beta, 0, 1)


def _gelu(_: Scope, node: Node) -> Callable[[Array], Array]:
    if node.attributes.get("approximate", "none") == "tanh":
        return lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return lambda x: 0.5 * x * (1 + _erf(x / math.sqrt(2)))


def _plain(function: Callable[[Array], Array]) -> Maker:
    return lambda _, __: function


def _sigmoid(x: Array) -> Array:
    value: Array = 0.5 * (1 + np.tanh(x / 2))
    return value


def _erf(x: Array) -> Array:
    value: Array = np.vectorize(math.erf, otypes=[np.float64])(x)
    return value


#: Activations that are fitted, by operator.
ACTIVATIONS: dict[str, Maker] = {
    "Clip": _clip,
    "Elu": _elu,
    "Erf": _plain(_erf),
    "Gelu": _gelu,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _plain(lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    "LeakyRelu": _leaky_relu,
    "Relu": _plain(lambda x: np.maximum(x, 0)),
    "Sigmoid": _plain(_sigmoid),
    "Softplus": _plain(lambda x: np.logaddexp(0, x)),
    "Tanh": _plain(np.tanh),
}
