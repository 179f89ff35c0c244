"""What a subgraph computes on one value is recognised, in whatever operators it is written."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import NetworkError
from common.plan.layers import Flatten, Polynomial
from compiler.onnx.draft.draft import Activation
from compiler.onnx.draft.pointwise import Step, combined, constant, identity
from compiler.onnx.fits.activations import scores
from tests.onnx_graphs import FLAT, check, converted, fitted, frames_for, make_model, node, save

STEP = Step("node", "Relu")
#: Values of frames, from 0 to 1, become values from -3 to 3.
SPREAD = [node("Sub", "x half", "c"), node("Mul", "c six", "m")]
NUMBERS: dict[str, Any] = {
    "half": np.float32(0.5),
    "six": np.float32(6),
    "one": np.float32(1),
    "two": np.float32(2),
    "three": np.float32(3),
    "zero": np.float32(0),
    "tenth": np.float32(0.1),
    "slopes": np.array([[[0.1]], [[-0.5]]]),
    "positive": np.array([[[0.3]], [[1.5]]]),
}


def checked(nodes: list[onnx.NodeProto], folder: Path, opset: int = 17) -> list[Any]:
    """The items behind the first normalisation, which give onnxruntime's values; nodes are from "m" to "h"."""
    draft = check(save(make_model([*SPREAD, *nodes, FLAT], ("n", 2, 5, 6), NUMBERS, opset), folder))
    return list(draft.items)


@pytest.mark.parametrize(
    ("operator", "attributes"),
    [
        ("Abs", {}),
        ("Asinh", {}),
        ("Atan", {}),
        ("Celu", {"alpha": 0.7}),
        ("Cos", {}),
        ("Cosh", {}),
        ("Elu", {"alpha": 0.7}),
        ("Erf", {}),
        ("Exp", {}),
        ("HardSigmoid", {"alpha": 0.3}),
        ("HardSwish", {}),
        ("LeakyRelu", {}),
        ("Mish", {}),
        ("Relu", {}),
        ("Selu", {}),
        ("Selu", {"alpha": 1.2, "gamma": 0.8}),
        ("Shrink", {"bias": 0.3, "lambd": 0.9}),
        ("Sigmoid", {}),
        ("Sign", {}),
        ("Sin", {}),
        ("Sinh", {}),
        ("Softplus", {}),
        ("Softsign", {}),
        ("Tanh", {}),
        ("ThresholdedRelu", {"alpha": 0.4}),
    ],
)
def test_an_activation_by_its_name(tmp_path: Path, operator: str, attributes: dict[str, Any]) -> None:
    items = checked([node(operator, "m", "h", **attributes)], tmp_path, 18)
    assert [type(item) for item in items] == [Activation, Flatten]


@pytest.mark.parametrize(
    "nodes",
    [
        # SiLU, Softsign, Softplus, Mish and GELU in parts
        [node("Sigmoid", "m", "s"), node("Mul", "s m", "h")],
        [node("Abs", "m", "a"), node("Add", "one a", "b"), node("Div", "m b", "h")],
        [node("Exp", "m", "e"), node("Add", "e one", "p"), node("Log", "p", "h")],
        [node("Softplus", "m", "s"), node("Tanh", "s", "t"), node("Mul", "m t", "h")],
        [node("Div", "m two", "d"), node("Erf", "d", "e"), node("Add", "e one", "a"), node("Mul", "m a", "h")],
        # 1 / (1 + exp(-x)), and with Reciprocal
        [node("Neg", "m", "n"), node("Exp", "n", "e"), node("Add", "e one", "p"), node("Div", "one p", "h")],
        [node("Neg", "m", "n"), node("Exp", "n", "e"), node("Add", "e one", "p"), node("Reciprocal", "p", "h")],
        # ReLU as a maximum, as a choice, and as a product with a comparison
        [node("Max", "m zero", "h")],
        [node("Max", "zero m tenth", "h")],
        [node("Min", "m three", "a"), node("Max", "a zero", "h")],
        [node("Greater", "m zero", "g"), node("Where", "g m zero", "h")],
        [node("Less", "zero m", "g"), node("Not", "g", "n"), node("Where", "n zero m", "h")],
        [node("GreaterOrEqual", "m zero", "g"), node("Cast", "g", "f", to=1), node("Mul", "f m", "h")],
        # a window: 0 < x and x <= 2
        [
            node("Greater", "m zero", "g"),
            node("LessOrEqual", "m two", "l"),
            node("And", "g l", "w"),
            node("Where", "w m zero", "h"),
        ],
        [node("Equal", "m zero", "q"), node("Or", "q q", "o"), node("Xor", "o q", "e"), node("Where", "e one m", "h")],
        # slopes, bounds and exponents that differ between channels
        [node("PRelu", "m slopes", "h")],
        [node("Max", "m slopes", "h")],
        [node("Abs", "m", "a"), node("Pow", "a positive", "h")],
        [node("Pow", "positive m", "h")],
        # roots and powers that are no polynomials
        [node("Abs", "m", "a"), node("Sqrt", "a", "h")],
        [node("Mul", "m m", "q"), node("Add", "q one", "p"), node("Sqrt", "p", "h")],
        [node("Exp", "m", "e"), node("Pow", "e half", "h")],
        [node("Sigmoid", "m", "s"), node("Log", "s", "h")],
        [node("Sin", "m", "s"), node("Mul", "s s", "h")],
        # means and sums of several functions
        [node("Relu", "m", "r"), node("Tanh", "m", "t"), node("Sum", "r t m", "h")],
        [node("Relu", "m", "r"), node("Tanh", "m", "t"), node("Mean", "r t m", "h")],
    ],
)
def test_an_activation_in_parts_is_one(tmp_path: Path, nodes: list[onnx.NodeProto]) -> None:
    assert [type(item) for item in checked(nodes, tmp_path)] == [Activation, Flatten]


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu(tmp_path: Path, approximate: str) -> None:
    checked([node("Gelu", "m", "h", approximate=approximate)], tmp_path, 20)


def test_clip_with_bounds_as_attributes_and_as_inputs(tmp_path: Path) -> None:
    checked([node("Clip", "m", "h", min=-1.0, max=2.0)], tmp_path, 7)
    checked([node("Clip", "m zero two", "h")], tmp_path, 11)
    checked([node("Clip", "m zero", "h")], tmp_path, 17)
    checked([node("Clip", "m  two", "h")], tmp_path, 13)


@pytest.mark.parametrize(
    "nodes",
    [
        [node("Pow", "m two", "h")],
        [node("Mul", "m m", "q"), node("Mean", "q m", "h")],
        [node("Add", "m m", "d"), node("Mul", "d m", "h")],
    ],
)
def test_a_polynomial_stays_exact(tmp_path: Path, nodes: list[onnx.NodeProto]) -> None:
    assert [type(item) for item in checked(nodes, tmp_path)] == [Polynomial, Flatten]


def test_what_is_computed_of_a_shared_part_is_computed_once() -> None:
    calls = []

    def counted(x: Any) -> Any:
        calls.append(len(x))
        return np.maximum(x, 0)

    function = identity(2).then(counted, STEP)
    for _ in range(40):
        function = combined(np.add, (function, function))
    x = np.array([[-1.0, 0.5], [2.0, 3.0]])
    assert np.array_equal(function.apply(x), 2.0**40 * np.maximum(x, 0))
    assert calls == [2]


def test_a_function_of_too_many_operators_is_refused() -> None:
    function = identity(1).then(np.tanh, STEP)
    with pytest.raises(NetworkError, match="made up of over 500 operators"):
        for _ in range(1000):
            function = function.then(np.tanh, STEP)


def test_a_sum_of_multiples_of_one_function_is_a_multiple_of_it() -> None:
    p = identity(2).then(np.tanh, STEP)
    minus, one = constant(np.full(2, -1.0)), constant(np.ones(2))
    difference = p.plus(p.times(minus).plus(one).times(minus))
    assert difference.parts[0].is_identity and p in difference.parts and len(difference.parts) == 5  # 2p - 1
    x = np.array([[-1.0, 0.5], [2.0, 3.0]])
    assert np.allclose(difference.apply(x), 2 * np.tanh(x) - 1)
    nothing = p.plus(p.times(minus))
    assert np.array_equal(nothing.apply(x), np.zeros((2, 2)))


def test_values_that_are_not_defined_on_the_frames_are_named(tmp_path: Path) -> None:
    model = make_model([*SPREAD, node("Log", "m", "h"), FLAT], ("n", 2, 5, 6), NUMBERS)
    draft = converted(save(model, tmp_path))
    with pytest.raises(NetworkError, match="aren't defined, in Log_h on the calibration frames"):
        scores(draft.items, frames_for(draft), lambda: None)


def test_a_function_that_ends_where_the_values_do_is_fitted(tmp_path: Path) -> None:
    model = make_model([node("Sqrt", "x", "h"), FLAT], ("n", 2, 5, 6))
    draft = converted(save(model, tmp_path), output="values")
    (activation,) = fitted(draft.items, frames_for(draft, 50)).activations
    assert activation.fit.relative < 0.2


UNARY = ["Abs", "Atan", "Cos", "Elu", "Erf", "HardSigmoid", "LeakyRelu", "Neg", "Relu", "Sigmoid", "Softsign", "Tanh"]
BINARY = ["Add", "Sub", "Mul", "Max", "Min", "Mean", "Where"]


@st.composite
def functions(draw: st.DrawFn) -> list[onnx.NodeProto]:
    """Operators on earlier values and constants, from "m" to "h"."""
    names, nodes = ["half", "slopes", "m"], []
    for place in range(draw(st.integers(1, 8))):
        name = f"t{place}"
        if draw(st.booleans()):
            nodes.append(node(draw(st.sampled_from(UNARY)), names[-1], name))
        else:
            last, other = names[-1], draw(st.sampled_from(names))
            operator = draw(st.sampled_from(BINARY))
            if operator == "Where":
                nodes.append(node("Greater", f"{last} {other}", f"{name}g"))
                nodes.append(node("Where", f"{name}g {draw(st.sampled_from(names))} {last}", name))
            else:
                pair = [last, other] if draw(st.booleans()) else [other, last]
                nodes.append(node(operator, " ".join(pair), name))
        names.append(name)
    return [*nodes, node("Identity", names[-1], "h")]


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(functions())
def test_random_functions_of_one_value_give_what_onnxruntime_gives(tmp_path: Path, nodes: list[onnx.NodeProto]) -> None:
    checked(nodes, tmp_path)
