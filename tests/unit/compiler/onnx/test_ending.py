"""What can't change the label is left out; what can is kept; one score becomes two labels by its threshold."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from common.errors import BlindsightError, ConfigurationError, NetworkError
from common.plan.layers import Dense
from compiler.onnx.draft.draft import Activation
from compiler.onnx.fits.activations import scores
from tests.onnx_graphs import converted, frames_for, make_model, node, save

RNG = np.random.default_rng(1)
SHAPE = ("n", 2, 4, 5)
#: A network whose scores, "s", are spread so widely that Sigmoid is far from linear, but short of ties in float32.
NET = [node("Flatten", "x", "f"), node("Gemm", "f w b", "s")]
NUMBERS: dict[str, Any] = {
    "w": RNG.normal(size=(40, 6)) * 0.6,
    "b": RNG.normal(size=6),
    "percent": np.float32(100),
    "tiny": np.float32(1e-6),
    "one": np.float32(1),
    "minus": np.float32(-2),
    "half": np.float32(0.5),
    "none": np.float32(0),
    "biases": np.array([0.0, 0.5, -0.5, 1.0, 0.2, -0.9]),
    "factors": np.array([1.0, 0.9, 1.1, -1.0, 0.7, 1.05]),
    "flat": np.array([-1, 6]),
    "square": np.array([-1, 2, 3]),
    "order": np.array([5, 3, 1]),
}


def output_of(path: Path, frames: NDArray[np.uint8]) -> NDArray[Any]:
    """What onnxruntime gives for frames, (n, labels) or (n, 1)."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = session.run(["y"], {"x": np.moveaxis(frames, 3, 1).astype(np.float32) / 255})[0]
    return np.asarray(found).reshape(len(frames), -1)


def labels_of(path: Path, frames: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The labels that onnxruntime gives, from its scores or at once."""
    found = output_of(path, frames)
    return found[:, 0] if found.dtype.kind == "i" else found.argmax(axis=1)


def checked(nodes: list[onnx.NodeProto], folder: Path, opset: int = 17) -> Any:
    """The draft of the network with these nodes behind "s"; it gives onnxruntime's labels."""
    model = make_model([*NET, *nodes], SHAPE, NUMBERS, opset)
    if nodes[-1].op_type in ("ArgMax", "ArgMin", "Cast"):
        whole = onnx.TensorProto.INT32 if nodes[-1].op_type == "Cast" else onnx.TensorProto.INT64
        model.graph.output[0].type.tensor_type.elem_type = whole
    path = save(model, folder)
    draft = converted(path)
    frames = frames_for(draft, 60)
    found = scores(draft.items, frames, lambda: None).argmax(axis=1)
    assert len(set(found)) > 1 and np.array_equal(found, labels_of(path, frames))
    return draft


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
    path = save(make_model(nodes, SHAPE, numbers, opset), tmp_path)
    draft = converted(path)
    frames = frames_for(draft, 30)
    assert np.array_equal(scores(draft.items, frames, lambda: None).argmax(axis=1), labels_of(path, frames))


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


def one_score(nodes: list[onnx.NodeProto], folder: Path) -> Path:
    numbers = NUMBERS | {"w": NUMBERS["w"][:, :1], "b": np.array([0.2])}
    return save(make_model([*NET, *nodes], SHAPE, numbers), folder)


@pytest.mark.parametrize(
    ("nodes", "threshold", "meant"),
    [
        ([node("Identity", "s")], None, 0.0),
        ([node("Identity", "s")], 0.7, 0.7),
        ([node("Sigmoid", "s")], None, 0.5),
        ([node("Sigmoid", "s")], 0.8, 0.8),
        ([node("Tanh", "s")], None, 0.0),
        ([node("Tanh", "s")], -0.3, -0.3),
        ([node("Sigmoid", "s", "p"), node("Mul", "p percent")], 30.0, 30.0),
        ([node("Sigmoid", "s", "p"), node("Sub", "one p")], None, 0.5),
        ([node("Sigmoid", "s", "p"), node("Log", "p")], -1.0, -1.0),
        ([node("Exp", "s")], 1.3, 1.3),
        ([node("HardSigmoid", "s")], None, 0.5),
        ([node("Abs", "s")], 0.4, 0.4),
    ],
)
def test_one_score_becomes_two_labels(
    tmp_path: Path, nodes: list[onnx.NodeProto], threshold: float | None, meant: float
) -> None:
    path = one_score(nodes, tmp_path)
    draft = converted(path, threshold=threshold)
    frames = frames_for(draft, 60)
    expected = output_of(path, frames)[:, 0] > meant
    found = scores(draft.items, frames, lambda: None)
    assert draft.scores == 2 and 0 < expected.mean() < 1
    assert np.array_equal(found.argmax(axis=1), expected)
    assert np.allclose(found[:, 0], -found[:, 1])
    assert isinstance(draft.items[-1], Dense)


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("last", ["Sigmoid", "Identity"])
def test_two_shares_of_one_score_are_one_decision(tmp_path: Path, last: str, swapped: bool) -> None:
    nodes = [node(last, "s", "p"), node("Sub", "one p", "q"), node("Concat", "p q" if swapped else "q p", "y", axis=1)]
    path = one_score(nodes, tmp_path)
    draft = converted(path)
    frames = frames_for(draft, 60)
    found = scores(draft.items, frames, lambda: None).argmax(axis=1)
    assert 0 < found.mean() < 1 and np.array_equal(found, labels_of(path, frames))
    assert not any(isinstance(item, Activation) for item in draft.items)
    assert draft.left_out == (("Sigmoid",) if last == "Sigmoid" else ())


def heads(last: list[str], folder: Path, *behind: onnx.NodeProto) -> Path:
    """A network whose scores are computed each by itself, through these operators, and joined as "j"."""
    nodes = [node("Flatten", "x", "f")]
    for place, operators in enumerate(last):
        names = [f"s{place}", *(f"p{place}{step}" for step in range(len(operators.split()) - 1)), f"p{place}"]
        nodes.append(node("Gemm", f"f w{place} b{place}", names[0]))
        for operator, before, after in zip(operators.split(), names, names[1:], strict=False):
            nodes.append(node(operator, f"one {before}" if operator == "Sub" else before, after))
    nodes.append(node("Concat", " ".join(f"p{place}" for place in range(len(last))), "j", axis=1))
    numbers = NUMBERS | {f"w{place}": NUMBERS["w"][:, place : place + 1] for place in range(len(last))}
    numbers |= {f"b{place}": NUMBERS["b"][place : place + 1] for place in range(len(last))}
    return save(make_model([*nodes, *behind], SHAPE, numbers), folder)


@pytest.mark.parametrize(
    ("last", "left_out"),
    [
        (["Sigmoid"] * 4, ("Sigmoid",)),
        (["Sigmoid"] * 2, ("Sigmoid",)),
        (["Sigmoid Sub"] * 3, ("Sigmoid",)),
        (["Sigmoid Tanh", "Tanh"] * 2, ("Tanh",)),
        (["Tanh", "Sigmoid", "Tanh", "Sigmoid"], ()),
        (["Abs"] * 3, ()),
    ],
)
def test_what_all_scores_have_in_common_is_left_out_though_each_has_its_own(
    tmp_path: Path, last: list[str], left_out: tuple[str, ...]
) -> None:
    path = heads(last, tmp_path, node("Identity", "j"))
    draft = converted(path)
    frames = frames_for(draft, 60)
    found = scores(draft.items, frames, lambda: None).argmax(axis=1)
    assert len(set(found)) > 1 and np.array_equal(found, labels_of(path, frames))
    assert draft.left_out == left_out
    fits = [item.kind for item in draft.items if isinstance(item, Activation)]
    assert fits == (["Sigmoid"] * 2 if "Sigmoid Tanh" in last else [] if left_out else last)


def test_scores_of_their_own_that_more_is_done_to_are_kept(tmp_path: Path) -> None:
    for behind in ([node("Mul", "j k")], [node("Gather", "j twice", axis=1)]):
        path = heads(["Sigmoid"] * 2, tmp_path, *behind)
        model = onnx.load(path)
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([0.5, 2.0], np.float32), "k"))
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1, 0]), "twice"))
        draft = converted(save(model, tmp_path))
        frames = frames_for(draft, 60)
        found = scores(draft.items, frames, lambda: None).argmax(axis=1)
        assert not draft.left_out and np.array_equal(found, labels_of(path, frames))


@pytest.mark.parametrize(
    ("nodes", "threshold", "part"),
    [
        ([node("Sigmoid", "s")], 1.5, "threshold is 1.5, which Sigmoid doesn't reach; its values lie between 0 and 1"),
        ([node("Exp", "s")], None, "threshold is 0, which Exp doesn't reach; its values lie between 0 and inf"),
        ([node("Softmax", "s")], None, "(Softmax) is over one score, which becomes a constant"),
    ],
)
def test_thresholds_that_no_score_reaches(
    tmp_path: Path, nodes: list[onnx.NodeProto], threshold: float | None, part: str
) -> None:
    with pytest.raises(BlindsightError) as caught:
        converted(one_score(nodes, tmp_path), threshold=threshold)
    assert part in str(caught.value)


def test_a_threshold_of_several_scores_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"threshold is 0\.5, but the network gives 6 scores"):
        converted(save(make_model([*NET, node("Sigmoid", "s")], SHAPE, NUMBERS), tmp_path), threshold=0.5)


def test_where_values_are_asked_for_nothing_is_left_out(tmp_path: Path) -> None:
    path = one_score([node("Sigmoid", "s")], tmp_path)
    draft = converted(path, output="values")
    assert draft.scores == 1 and not draft.left_out and isinstance(draft.items[-1], Activation)
    for last in ("Softmax", "ArgMax"):
        model = make_model([*NET, node(last, "s", axis=1)], SHAPE, NUMBERS)
        with pytest.raises(NetworkError, match="--output-name NAME"):
            converted(save(model, tmp_path), output="values")
        assert converted(tmp_path / "net.onnx", output="values", output_name="s").scores == 6


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"output": "label"}, "output is 'label'; it must be labels or values"),
        ({"output": "values", "threshold": 0.5}, "threshold is 0.5 with output values"),
        ({"threshold": float("nan")}, "it must be a finite number"),
        ({"output_name": "z"}, r"output-name is 'z'; .* has the outputs y"),
    ],
)
def test_options_that_do_not_fit(tmp_path: Path, options: dict[str, Any], part: str) -> None:
    with pytest.raises(ConfigurationError, match=part):
        converted(save(make_model([*NET, node("Sigmoid", "s")], SHAPE, NUMBERS), tmp_path), **options)


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
