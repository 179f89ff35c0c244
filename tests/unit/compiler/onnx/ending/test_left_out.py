"""What can't change the label is left out at the end of a network; what can is kept."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import NetworkError
from compiler.onnx.draft.draft import Activation
from compiler.onnx.fits.activations import scores
from tests.onnx_graphs import converted, frames_for, make_model, node, save
from tests.unit.compiler.onnx.ending.networks import NET, NUMBERS, RNG, SHAPE, agreeing, checked, one_score, output_of


@pytest.mark.parametrize(
    ("nodes", "left_out"),
    [
        ([node("Sigmoid", "s")], ("Sigmoid",)),
        ([node("Tanh", "s")], ("Tanh",)),
        ([node("Softplus", "s")], ("Softplus",)),
        ([node("LeakyRelu", "s")], ("LeakyRelu",)),
        ([node("Softmax", "s")], ("Softmax",)),
        ([node("LogSoftmax", "s")], ("LogSoftmax",)),
        ([node("LpNormalization", "s")], ("LpNormalization",)),
        ([node("ArgMax", "s", axis=1)], ("ArgMax",)),
        ([node("ArgMax", "s", axis=-1, keepdims=0)], ("ArgMax",)),
        ([node("Softmax", "s", "p"), node("ArgMax", "p", axis=1)], ("Softmax", "ArgMax")),
        ([node("ArgMax", "s", "a", axis=1), node("Cast", "a", to=onnx.TensorProto.INT32)], ("ArgMax",)),
        # what only scales, moves or names the shares of Softmax
        ([node("Softmax", "s", "p"), node("Mul", "p percent")], ("Softmax",)),
        ([node("Softmax", "s", "p"), node("Reshape", "p square", "r"), node("Reshape", "r flat")], ("Softmax",)),
        ([node("Softmax", "s", "p"), node("Add", "p tiny", "a"), node("Log", "a")], ("Softmax", "Log")),
        ([node("Softmax", "s", "p"), node("Gather", "p order", axis=1)], ("Softmax",)),
        ([node("Sigmoid", "s", "p"), node("Softmax", "p")], ("Sigmoid", "Softmax")),
        # functions that are made of several
        ([node("Sigmoid", "s", "p"), node("Mul", "percent p", "q"), node("Sub", "q one")], ("Sigmoid",)),
        ([node("Sigmoid", "s", "p"), node("Log", "p")], ("Sigmoid", "Log")),
        ([node("Sigmoid", "s", "p"), node("Mul", "p p")], ("Sigmoid", "Mul")),
        ([node("Sigmoid", "s", "p"), node("Pow", "p half")], ("Sigmoid", "Pow")),
        (
            [node("Neg", "s", "n"), node("Exp", "n", "e"), node("Add", "e one", "a"), node("Reciprocal", "a")],
            ("Exp", "Reciprocal"),
        ),
        # decreasing functions turn the signs
        ([node("Sigmoid", "s", "p"), node("Sub", "one p")], ("Sigmoid",)),
        ([node("Softmax", "s", "p"), node("Mul", "p minus")], ("Softmax",)),
        ([node("Sigmoid", "s", "p"), node("Div", "one p")], ("Sigmoid", "Div")),
        ([node("ArgMin", "s", axis=1)], ("ArgMax",)),
        # what stands before an increasing function isn't touched
        ([node("Mul", "s factors", "m"), node("Sigmoid", "m")], ("Sigmoid",)),
        ([node("Sigmoid", "s", "p"), node("Mul", "p factors", "m"), node("Tanh", "m")], ("Tanh",)),
    ],
)
def test_what_keeps_the_label_is_left_out(
    tmp_path: Path, nodes: list[onnx.NodeProto], left_out: tuple[str, ...]
) -> None:
    draft = checked(nodes, tmp_path)
    assert draft.left_out == left_out
    assert any(isinstance(item, Activation) for item in draft.items) == (left_out == ("Tanh",) and len(nodes) == 3)


@pytest.mark.parametrize(
    "nodes",
    [
        [node("Sigmoid", "s", "p"), node("Add", "p biases")],
        [node("Sigmoid", "s", "p"), node("Mul", "p factors")],
        [node("Sigmoid", "s", "p"), node("Mul", "s p")],
        [node("HardSigmoid", "s")],  # scores that leave its range are a tie
        [node("Abs", "s")],
        [node("LeakyRelu", "s", alpha=-0.5)],
        [node("Mul", "s s", "q"), node("Log", "q")],
    ],
)
def test_what_may_change_the_label_is_kept(tmp_path: Path, nodes: list[onnx.NodeProto]) -> None:
    draft = checked(nodes, tmp_path)
    assert isinstance(draft.items[-1], Activation)


@pytest.mark.parametrize("last", ["Sigmoid", "Reciprocal"])
def test_scores_that_the_frame_does_not_change_stay_what_they_are(tmp_path: Path, last: str) -> None:
    nodes = [node("Mul", "s none", "z"), node("Add", "z one", "o"), node(last, "o")]
    draft = converted(save(make_model([*NET, *nodes], SHAPE, NUMBERS), tmp_path))
    assert isinstance(draft.items[-1], Activation) and not draft.left_out


def test_scores_that_are_only_scaled_keep_their_scale(tmp_path: Path) -> None:
    draft = checked([node("Mul", "s percent")], tmp_path)
    assert not draft.left_out and len(draft.items) == 3


@pytest.mark.parametrize("opset", [7, 11, 13, 25])
def test_softmax_over_channels_with_one_place_each(tmp_path: Path, opset: int) -> None:
    numbers = {"k": RNG.normal(size=(6, 2, 4, 5))}
    nodes = [node("Conv", "x k", "s"), node("Softmax", "s", "p", axis=1), node("Flatten", "p")]
    agreeing(save(make_model(nodes, SHAPE, numbers, opset), tmp_path))


@pytest.mark.parametrize(
    ("nodes", "part"),
    [
        ([node("Softmax", "s", "p"), node("Mul", "p p")], "may change which score is the largest"),
        ([node("Softmax", "s", "p"), node("Mul", "p none")], "may change which score is the largest"),
        ([node("Softmax", "s", "p"), node("Mul", "p factors")], "may change which score is the largest"),
        ([node("Softmax", "s", "p"), node("Add", "p s")], "computes with what node 'Softmax_p' (Softmax) gives"),
        ([node("Softmax", "s", "p"), node("Gemm", "p m")], "computes with what node 'Softmax_p' (Softmax) gives"),
        ([node("ArgMax", "s", "a", axis=1), node("Add", "a a")], "computes with the label"),
        ([node("ArgMax", "s", axis=0)], "its axis 0 isn't over the labels"),
    ],
)
def test_shares_that_are_computed_with_are_refused(tmp_path: Path, nodes: list[onnx.NodeProto], part: str) -> None:
    path = save(make_model([*NET, *nodes], SHAPE, NUMBERS | {"m": np.eye(6)}), tmp_path)
    with pytest.raises(NetworkError) as caught:
        converted(path)
    assert part in str(caught.value)


def test_where_values_are_asked_for_nothing_is_left_out(tmp_path: Path) -> None:
    path = one_score([node("Sigmoid", "s")], tmp_path)
    draft = converted(path, output="values")
    assert draft.scores == 1 and not draft.left_out and isinstance(draft.items[-1], Activation)
    for last in ("Softmax", "ArgMax"):
        model = make_model([*NET, node(last, "s", axis=1)], SHAPE, NUMBERS)
        with pytest.raises(NetworkError, match="--output-name NAME"):
            converted(save(model, tmp_path), output="values")
        assert converted(tmp_path / "net.onnx", output="values", output_name="s").scores == 6


#: Operators that a network may end in, as nodes from one name to another; most keep the order of scores, some turn it.
TAILS: dict[str, Any] = {
    "Sigmoid": lambda x, y: [node("Sigmoid", x, y)],
    "Tanh": lambda x, y: [node("Tanh", x, y)],
    "Softplus": lambda x, y: [node("Softplus", x, y)],
    "Softmax": lambda x, y: [node("Softmax", x, y)],
    "scaled": lambda x, y: [node("Mul", f"{x} half", y)],
    "turned": lambda x, y: [node("Sub", f"one {x}", y)],
    "Neg": lambda x, y: [node("Neg", x, y)],
    "shifted": lambda x, y: [node("Add", f"biases {x}", y)],
    "Abs": lambda x, y: [node("Abs", x, y)],
    "Exp": lambda x, y: [node("Mul", f"{x} half", f"{y}e"), node("Exp", f"{y}e", y)],
    "square": lambda x, y: [node("Mul", f"{x} {x}", y)],
    "root": lambda x, y: [node("Softplus", x, f"{y}r"), node("Sqrt", f"{y}r", y)],
    "inverse": lambda x, y: [node("Exp", x, f"{y}e"), node("Add", f"{y}e one", f"{y}a"), node("Div", f"one {y}a", y)],
}


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(sorted(TAILS)), min_size=1, max_size=4))
def test_random_endings_keep_the_label(tmp_path: Path, names: list[str]) -> None:
    nodes = [
        each for place, name in enumerate(names) for each in TAILS[name](f"s{place}" if place else "s", f"s{place + 1}")
    ]
    nodes.append(node("Identity", f"s{len(names)}"))
    numbers = NUMBERS | {"w": NUMBERS["w"] / 8, "b": NUMBERS["b"] / 8}
    path = save(make_model([*NET, *nodes], SHAPE, numbers), tmp_path)
    try:
        draft = converted(path)
    except NetworkError as error:
        assert "Softmax" in names[:-1] and "(Softmax)" in str(error)  # something behind it may change the label
        return
    frames = frames_for(draft, 40)
    found, expected = scores(draft.items, frames, lambda: None), output_of(path, frames)
    decided = np.sort(expected, axis=1)[:, -1] - np.sort(expected, axis=1)[:, -2] > 1e-5  # float32 tells no less apart
    assert np.array_equal(found.argmax(axis=1)[decided], expected.argmax(axis=1)[decided])
