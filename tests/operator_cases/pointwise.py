"""Arithmetic, and functions of one value."""

import math

import numpy as np
from onnx import NodeProto

from tests.onnx_graphs import FLAT, node
from tests.operator_cases.case import Case, case, one, weights

_CHANNELS = np.array([0.5, 1.0, 2.0, 0.25]).reshape(4, 1, 1)
_NUMBERS = {
    "half": np.float32(0.5),
    "one": np.float32(1),
    "two": np.float32(2),
    "four": np.float32(4),
}
_W = weights(4, 4, 3, 3)


def _on_values(operator: str, form: str, *nodes: NodeProto, opset: int = 17, **constants: object) -> Case:
    """Nodes from "v", the values of the frame spread from -2 to 2, to "h"."""
    spread = [node("Mul", "x four", "m"), node("Sub", "m two", "v")]
    return case(operator, form, *spread, *nodes, FLAT, opset=opset, **_NUMBERS, **constants)


def _function(operator: str, form: str = "any form", opset: int = 17, **attributes: object) -> Case:
    return _on_values(operator, form, node(operator, "v", "h", **attributes), opset=opset)


def _positive(operator: str) -> Case:
    """A function of values from 1 to 2."""
    return case(operator, "any form", node("Add", "x one", "v"), node(operator, "v", "h"), FLAT, **_NUMBERS)


def _fraction(operator: str) -> Case:
    """A function of values from 0 to 0.5."""
    return case(operator, "any form", node("Mul", "x half", "v"), node(operator, "v", "h"), FLAT, **_NUMBERS)


def _of_two(operator: str, form: str, inputs: str = "c x") -> Case:
    """An operator on a layer's output, "c", and on "x"."""
    return case(operator, form, node("Conv", "x w", "c", pads=[1] * 4), node(operator, inputs, "h"), FLAT, w=_W)


def _compared(operator: str) -> Case:
    return _on_values(
        operator, "with a constant, as a mask", node(operator, "v half", "b"), node("Where", "b v half", "h")
    )


_OF_TWO = [
    _of_two("Add", "a residual connection"),
    case(
        "Add",
        "a residual connection that is broadcast",
        node("GlobalAveragePool", "x", "g"),
        node("Add", "x g", "h"),
        FLAT,
    ),
    _of_two("Sum", "a residual connection"),
    _of_two("Mean", "of two layers"),
    _of_two("Mul", "a product of two layers, as in gates"),
    case(
        "Mul",
        "squeeze-and-excitation",
        node("GlobalAveragePool", "x", "g"),
        node("Conv", "g v", "s"),
        node("Sigmoid", "s", "e"),
        node("Mul", "x e", "h"),
        FLAT,
        v=weights(4, 4, 1, 1),
    ),
    _of_two("Div", "by another layer", "x c"),
    _of_two("Min", "of two layers"),
    _of_two("Max", "of two layers, as in Maxout"),
]

_ARITHMETIC = [
    *(
        one(operator, "a constant, for each channel or all", "x k", k=_CHANNELS)
        for operator in ("Add", "Sub", "Mul", "Div")
    ),
    *(
        one(operator, "a constant for each position", "x k", k=np.linspace(1, 2, 36).reshape(6, 6))
        for operator in ("Add", "Sub", "Mul", "Div")
    ),
    case("Div", "a constant by a value", node("Add", "x one", "v"), node("Div", "one v", "h"), FLAT, **_NUMBERS),
    one("Neg", "any form"),
    one("Mul", "a value by itself", "x x"),
    one("Pow", "2", "x two", two=np.float32(2)),
    one("Pow", "3 or 4", "x four", four=np.float32(4)),
    one("Pow", "0.5", "x half", half=np.float32(0.5)),
    one("Pow", "2 to the value", "two x", two=np.float32(2)),
    one("Mod", "any form", "x k", k=np.float32(0.5), with_={"fmod": 1}),
]

_ACTIVATIONS = [
    _function("Relu"),
    _function("LeakyRelu", alpha=0.2),
    _on_values("PRelu", "a slope for each channel", node("PRelu", "v slope", "h"), slope=_CHANNELS),
    _function("ThresholdedRelu", alpha=0.5),
    _function("Elu"),
    _function("Selu"),
    _function("Celu", alpha=0.7),
    _function("Gelu", "by erf, or by tanh", opset=20, approximate="tanh"),
    _on_values(
        "Gelu",
        "in parts, by Erf",
        node("Div", "v root", "d"),
        node("Erf", "d", "e"),
        node("Add", "e one", "a"),
        node("Mul", "v a", "p"),
        node("Mul", "p half", "h"),
        root=np.float32(math.sqrt(2)),
    ),
    _function("Swish", opset=24),
    _on_values("Sigmoid", "x · sigmoid(x), SiLU", node("Sigmoid", "v", "s"), node("Mul", "v s", "h")),
    _function("Sigmoid", "in the middle"),
    _function("Tanh", "in the middle"),
    _function("HardSigmoid"),
    _function("HardSwish"),
    _function("Mish", opset=18),
    _on_values("Mish", "in parts", node("Softplus", "v", "p"), node("Tanh", "p", "t"), node("Mul", "v t", "h")),
    _function("Softplus"),
    _function("Softsign"),
    _function("Shrink", bias=0.5, lambd=0.5),
    _on_values("Clip", "constant bounds, as ReLU6", node("Clip", "v half one", "h")),
    _function("Abs"),
    _function("Exp"),
    _function("Erf"),
    _positive("Log"),
    _positive("Sqrt"),
    _positive("Reciprocal"),
    *(_function(operator) for operator in ("Sin", "Cos", "Sinh", "Cosh", "Atan", "Asinh")),
    *(_fraction(operator) for operator in ("Tan", "Asin", "Acos", "Atanh")),
    _positive("Acosh"),
    *(_function(operator) for operator in ("Sign", "Floor", "Ceil", "Round")),
    _on_values("Max", "with a constant", node("Max", "v half", "h")),
    _on_values("Min", "with a constant", node("Min", "v half", "h")),
    *(_compared(operator) for operator in ("Greater", "GreaterOrEqual", "Less", "LessOrEqual")),
    _on_values(
        "Where",
        "of a comparison with a constant",
        node("Less", "v half", "b"),
        node("Mul", "v half", "n"),
        node("Where", "b n v", "h"),
    ),
    _on_values(
        "Where", "by a constant mask", node("Where", "mask v half", "h"), mask=np.arange(4).reshape(4, 1, 1) > 1
    ),
    _compared("Equal"),
    _on_values(
        "Not", "of a comparison", node("Less", "v half", "b"), node("Not", "b", "n"), node("Where", "n v half", "h")
    ),
    *(
        _on_values(
            operator,
            "of comparisons",
            node("Less", "v half", "b"),
            node("Greater", "v one", "d"),
            node(operator, "b d", "e"),
            node("Where", "e v half", "h"),
        )
        for operator in ("And", "Or", "Xor")
    ),
]

CASES: list[Case] = [*_ARITHMETIC, *_OF_TWO, *_ACTIVATIONS]
