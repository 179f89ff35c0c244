"""Activations: functions of one value that are named by an operator."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from common.errors import NetworkError
from common.plan.layers import Array
from compiler.onnx.draft.bounds import ANY, Bounds, images
from compiler.onnx.draft.pointwise import Pointwise, Step, combined
from compiler.onnx.draft.tensor import Tensor
from compiler.onnx.file.reading import Node
from compiler.onnx.operators.arithmetic import of_one_value, reciprocal
from compiler.onnx.scope import Scope

#: The scale and the slope of SELU, as ONNX gives them.
_SELU_GAMMA, _SELU_ALPHA = 1.05070102214813232421875, 1.67326319217681884765625


@dataclass(frozen=True)
class _Function:
    """A function of each value; `least` is where it begins to increase strictly, +∞ where it doesn't.

    What it gives lies within `bounds`, or, where they are None, between its values at both ends.
    """

    apply: Callable[[Array], Array]
    least: float = math.inf
    bounds: Bounds | None = ANY

    def after(self, inner: Pointwise, step: Step) -> Pointwise:
        bounds = images(self.apply, inner.bounds) if self.bounds is None else self.bounds
        return inner.then(self.apply, step, bounds, int(inner.bounds[0] >= self.least))


#: An activation made from its node, at a scope that may hold bounds.
_Maker = Callable[[Scope, Node], _Function]


def activation(scope: Scope, node: Node) -> Tensor:
    """Any of `ACTIVATIONS`."""
    tensor = scope.draft.settled(scope.tensor(node, 0))
    function = ACTIVATIONS[node.operator](scope, node)
    return replace(tensor, function=function.after(tensor.function, Step(node.name, node.operator)))


def prelu(scope: Scope, node: Node) -> Tensor:
    """PRelu, with a slope for each channel."""
    tensor, (inner, slopes) = of_one_value(scope, node, 2)
    low, high = slopes.bounds
    function = combined(
        lambda x, slope: np.where(x < 0, slope * x, x),
        (inner, slopes),
        Step(node.name, node.operator),
        direction=int(slopes.is_constant and low == high and low > 0),
    )
    return replace(tensor, function=function)


def invert(scope: Scope, node: Node) -> Tensor:
    """Reciprocal."""
    tensor = scope.draft.settled(scope.tensor(node, 0))
    return replace(tensor, function=reciprocal(tensor.function, Step(node.name, node.operator)))


def clip(scope: Scope, node: Node) -> _Function:
    """Clip, whose bounds are attributes before opset 11 and inputs since."""
    low, high = (_bound(scope, node, place, name) for place, name in ((1, "min"), (2, "max")))
    least, most = -math.inf if low is None else low, math.inf if high is None else high
    return _Function(lambda x: np.minimum(np.maximum(x, least), most), bounds=None)


def _bound(scope: Scope, node: Node, place: int, name: str) -> float | None:
    given = scope.optional(node, place)
    if given is None:
        return float(node.attributes[name]) if name in node.attributes else None
    if given.size != 1:
        raise NetworkError(f"its {name} has shape {given.shape}; it must be one number")
    return float(given.reshape(-1)[0])


def _attribute(node: Node, name: str, default: float) -> float:
    return float(node.attributes.get(name, default))


def _rising(apply: Callable[[Array], Array], least: float = -math.inf) -> _Maker:
    """A function that strictly increases from `least` on."""
    return lambda _, __: _Function(apply, least, None)


def _flat(apply: Callable[[Array], Array]) -> _Maker:
    """A function that never decreases, but may stay what it is."""
    return lambda _, __: _Function(apply, bounds=None)


def _any(apply: Callable[[Array], Array], low: float = -math.inf, high: float = math.inf) -> _Maker:
    """A function whose values lie between two bounds."""
    return lambda _, __: _Function(apply, bounds=(low, high))


def _bent(apply: Callable[[Array], Array], slope: float) -> _Function:
    """A function that increases for values above 0, and for those below if its slope is positive."""
    return _Function(apply, -math.inf, None) if slope > 0 else _Function(apply)


def _leaky_relu(_: Scope, node: Node) -> _Function:
    slope = _attribute(node, "alpha", 0.01)
    return _bent(lambda x: np.where(x < 0, slope * x, x), slope)


def _elu(_: Scope, node: Node) -> _Function:
    alpha = _attribute(node, "alpha", 1.0)
    return _bent(lambda x: np.where(x < 0, alpha * np.expm1(np.minimum(x, 0)), x), alpha)


def _celu(_: Scope, node: Node) -> _Function:
    alpha = _attribute(node, "alpha", 1.0)
    if alpha == 0:
        raise NetworkError("its alpha is 0, by which it divides")
    return _bent(lambda x: np.maximum(x, 0) + np.minimum(alpha * np.expm1(np.minimum(x / alpha, 700)), 0), alpha)


def _selu(_: Scope, node: Node) -> _Function:
    alpha, gamma = _attribute(node, "alpha", _SELU_ALPHA), _attribute(node, "gamma", _SELU_GAMMA)
    return _bent(lambda x: gamma * np.where(x < 0, alpha * np.expm1(np.minimum(x, 0)), x), min(alpha, gamma))


def _hard_sigmoid(_: Scope, node: Node) -> _Function:
    alpha, beta = _attribute(node, "alpha", 0.2), _attribute(node, "beta", 0.5)
    return _Function(lambda x: np.clip(alpha * x + beta, 0, 1), bounds=(0.0, 1.0))


def _thresholded_relu(_: Scope, node: Node) -> _Function:
    alpha = _attribute(node, "alpha", 1.0)
    return _Function(lambda x: np.where(x > alpha, x, 0))


def _shrink(_: Scope, node: Node) -> _Function:
    bias, edge = _attribute(node, "bias", 0.0), _attribute(node, "lambd", 0.5)
    return _Function(lambda x: np.where(x < -edge, x + bias, np.where(x > edge, x - bias, 0)))


def _swish(_: Scope, node: Node) -> _Function:
    alpha = _attribute(node, "alpha", 1.0)
    return _Function(lambda x: x * _sigmoid(alpha * x))


def _gelu(_: Scope, node: Node) -> _Function:
    if node.attributes.get("approximate", "none") == "tanh":
        return _Function(lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))))
    return _Function(lambda x: 0.5 * x * (1 + special.erf(x / math.sqrt(2))))


def _sigmoid(x: Array) -> Array:
    value: Array = np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))  # exact where it is next to 0, for Log
    return value


def _softplus(x: Array) -> Array:
    value: Array = np.logaddexp(0, x)
    return value


def _softsign(x: Array) -> Array:
    with np.errstate(invalid="ignore"):
        return np.where(np.isinf(x), np.sign(x), x / (1 + np.abs(x)))


#: Activations, by operator.
ACTIVATIONS: dict[str, _Maker] = {
    "Abs": _any(np.abs, low=0.0),
    "Acos": _any(np.arccos),
    "Acosh": _any(np.arccosh),
    "Asin": _any(np.arcsin),
    "Asinh": _rising(np.arcsinh),
    "Atan": _rising(np.arctan),
    "Atanh": _any(np.arctanh),
    "Celu": _celu,
    "Clip": clip,
    "Cos": _any(np.cos, -1.0, 1.0),
    "Cosh": _any(np.cosh, low=1.0),
    "Elu": _elu,
    "Erf": _rising(special.erf),
    "Exp": _rising(np.exp),
    "Gelu": _gelu,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _any(lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    "LeakyRelu": _leaky_relu,
    "Log": _rising(np.log, least=0.0),
    "Mish": _any(lambda x: x * np.tanh(_softplus(x))),
    "Relu": _flat(lambda x: np.maximum(x, 0)),
    "Selu": _selu,
    "Shrink": _shrink,
    "Sigmoid": _rising(_sigmoid),
    "Sign": _flat(np.sign),
    "Sin": _any(np.sin, -1.0, 1.0),
    "Sinh": _rising(np.sinh),
    "Softplus": _rising(_softplus),
    "Softsign": _rising(_softsign),
    "Sqrt": _rising(np.sqrt, least=0.0),
    "Swish": _swish,
    "Tan": _any(np.tan),
    "Tanh": _rising(np.tanh),
    "ThresholdedRelu": _thresholded_relu,
}
