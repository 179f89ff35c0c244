"""Quantised networks: weights exactly, activations without their rounding, and with an edge where it matters."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from common.errors import NetworkError
from compiler.onnx.conversion import convert
from compiler.onnx.draft.draft import Activation
from compiler.onnx.file.reading import read_graph
from compiler.onnx.fits.activations import scores
from compiler.onnx.importing import import_with_frames
from compiler.onnx.options import ImportOptions
from compiler.onnx.saturation import edges_that_matter
from tests.onnx_graphs import check, converted, frames_for, make_model, node, reference, save

RNG = np.random.default_rng(3)
SHAPE = ("n", 2, 4, 5)
OPTIONS = ImportOptions(name="mine")
NUMBERS: dict[str, Any] = {
    "w": RNG.normal(size=(40, 6)) / 6,
    "k": RNG.integers(-127, 128, (3, 2, 3, 3)).astype(np.int8),
    "one": np.float32(0.01),
    "zero": np.int8(5),
    "each": np.array([0.01, 0.02, 0.005]),
    "zeros": np.array([0, 3, -7], dtype=np.int8),
    "step": np.float32(1 / 255),
    "low": np.int8(-128),
    "middle": np.int8(0),
    "coarse": np.float32(1 / 32),
    "edge": np.uint8(0),
}


@pytest.mark.parametrize("opset", [10, 12, 13, 17, 19, 21, 23, 25])
def test_weights_of_integers_with_one_scale(tmp_path: Path, opset: int) -> None:
    nodes = [node("DequantizeLinear", "k one zero", "d"), node("Conv", "x d", "c"), node("Flatten", "c")]
    assert not check(save(make_model(nodes, SHAPE, NUMBERS, opset), tmp_path)).rounds


@pytest.mark.parametrize("opset", [13, 21])
def test_weights_of_integers_with_a_scale_for_each_channel(tmp_path: Path, opset: int) -> None:
    dequantized = node("DequantizeLinear", "k each zeros", "d", axis=0)
    check(
        save(make_model([dequantized, node("Conv", "x d", "c"), node("Flatten", "c")], SHAPE, NUMBERS, opset), tmp_path)
    )


def quantised(folder: Path, *parameters: str, between: str = "f") -> Path:
    """A network whose features are quantised with this scale and zero point, and the file it is in."""
    names = " ".join(parameters)
    nodes = [
        node("Flatten", "x", "g"),
        node("Sub", "g half", "f"),
        node("QuantizeLinear", f"{between} {names}", "q"),
        node("DequantizeLinear", f"q {names}", "d"),
        node("MatMul", "d w"),
    ]
    return save(make_model(nodes, SHAPE, NUMBERS | {"half": np.float32(0.5)}), folder)


def settled(path: Path, frames: NDArray[np.uint8]) -> Any:
    """The draft without the edges that don't matter on these frames."""
    graph = read_graph(path)
    draft = convert(graph, OPTIONS)
    return convert(graph, OPTIONS, None, edges_that_matter(draft, frames))


def test_rounding_is_left_out_and_so_are_edges_that_no_value_reaches(tmp_path: Path) -> None:
    path = quantised(tmp_path, "step", "middle")
    frames = frames_for(converted(path), 50)
    draft = settled(path, frames)
    assert not any(isinstance(item, Activation) for item in draft.items)
    found, expected = scores(draft.items, frames, lambda: None), reference(path, frames)
    assert 0 < np.abs(found - expected).max() < 0.02 * np.abs(expected).max()


def test_an_edge_that_hides_a_relu_is_kept_as_one(tmp_path: Path) -> None:
    path = quantised(tmp_path, "step", "low")  # integers from -128 on stand for values from 0 on
    frames = frames_for(converted(path), 50)
    draft = settled(path, frames)
    (activation,) = [item for item in draft.items if isinstance(item, Activation)]
    assert activation.kind == "QuantizeLinear" and activation.node == "QuantizeLinear_q"
    expected = reference(path, frames)
    assert np.abs(scores(draft.items, frames, lambda: None) - expected).max() < 0.02 * np.abs(expected).max()
    _, report = import_with_frames(path, frames, None, OPTIONS)
    assert [each.kind for each in report.activations] == ["QuantizeLinear"] and report.rounding_left_out


def test_edges_of_the_scores_cannot_change_which_is_largest(tmp_path: Path) -> None:
    nodes = [node("Flatten", "x", "f"), node("MatMul", "f w", "s"), node("QuantizeLinear", "s step middle", "q")]
    path = save(make_model([*nodes, node("DequantizeLinear", "q step middle")], SHAPE, NUMBERS), tmp_path)
    frames = frames_for(converted(path), 50)
    draft = settled(path, frames)
    assert not any(isinstance(item, Activation) for item in draft.items)
    expected, found = reference(path, frames), scores(draft.items, frames, lambda: None)
    assert np.mean(expected == expected.max()) > 0.05  # many are cut off at the edge
    chosen = np.take_along_axis(expected, found.argmax(axis=1)[:, None], axis=1)[:, 0]
    assert np.all(chosen == expected.max(axis=1))
    values = converted(path, output="values")
    assert any(isinstance(item, Activation) for item in values.items)


def test_one_quantised_share_still_has_its_threshold_in_the_middle(tmp_path: Path) -> None:
    numbers = NUMBERS | {"share": np.float32(1 / 254), "one": RNG.normal(size=(40, 1))}
    nodes = [node("Flatten", "x", "f"), node("MatMul", "f one", "s"), node("Sigmoid", "s", "p")]
    nodes += [node("QuantizeLinear", "p share", "q"), node("DequantizeLinear", "q share")]
    assert converted(save(make_model(nodes, SHAPE, numbers), tmp_path)).threshold == 0.5


def test_bytes_by_default_and_what_is_moved_between(tmp_path: Path) -> None:
    nodes = [
        node("QuantizeLinear", "x step", "q"),
        node("Transpose", "q", "t", perm=[0, 2, 3, 1]),
        node("DequantizeLinear", "t step", "d"),
        node("Flatten", "d", "f"),
        node("MatMul", "f w"),
    ]
    path = save(make_model(nodes, SHAPE, NUMBERS), tmp_path)
    frames = frames_for(converted(path), 50)
    assert np.abs(scores(settled(path, frames).items, frames, lambda: None) - reference(path, frames)).max() < 1e-4


@pytest.mark.parametrize("operator", ["MatMulInteger", "ConvInteger"])
@pytest.mark.parametrize("zero", ["", "zero"])
def test_dynamic_quantisation(tmp_path: Path, operator: str, zero: str) -> None:
    moved = node("Flatten", "x", "f") if operator == "MatMulInteger" else node("Identity", "x", "f")
    weight = RNG.integers(-127, 128, (40, 6)).astype(np.int8) if operator == "MatMulInteger" else NUMBERS["k"]
    nodes = [
        moved,
        onnx.helper.make_node("DynamicQuantizeLinear", ["f"], ["q", "s", "z"], name="quantised"),
        node("Mul", "s one", "both"),
        node(operator, f"q weight z {zero}", "p"),
        node("Cast", "p", "i", to=onnx.TensorProto.FLOAT),
        node("Mul", "both i", "m"),
        node("Flatten", "m"),
    ]
    path = save(make_model(nodes, SHAPE, NUMBERS | {"weight": weight}), tmp_path)
    draft = converted(path)
    frames = frames_for(draft, 20)
    expected = reference(path, frames)
    assert not any(isinstance(item, Activation) for item in draft.items)
    assert np.abs(scores(draft.items, frames, lambda: None) - expected).max() < 0.02 * np.abs(expected).max()


@pytest.mark.parametrize(
    ("nodes", "part"),
    [
        (
            [node("QuantizeLinear", "x step low", "q"), node("DequantizeLinear", "q coarse low", "h")],
            "its scale and zero",
        ),
        ([node("QuantizeLinear", "x step low", "q"), node("Add", "q q", "h")], "it computes with integers"),
        ([node("QuantizeLinear", "x step low", "h")], "holds integers; put DequantizeLinear at the end"),
        ([node("QuantizeLinear", "x pair", "h")], "it has several scales"),
        ([node("QuantizeLinear", "x minus", "h")], "its scale isn't a positive number"),
        ([node("DequantizeLinear", "x step", "h"), node("QLinearAdd", "h h", "i")], "quantize with QuantFormat.QDQ"),
    ],
)
def test_what_is_computed_with_integers_is_refused(tmp_path: Path, nodes: list[onnx.NodeProto], part: str) -> None:
    numbers = NUMBERS | {"pair": np.array([0.1, 0.2]), "minus": np.float32(-1)}
    last = node("Flatten", nodes[-1].output[0])
    with pytest.raises(NetworkError) as caught:
        converted(save(make_model([*nodes, last], SHAPE, numbers), tmp_path))
    assert part in str(caught.value)


@pytest.mark.parametrize("used", ["s", "z", "q"])
def test_a_dynamic_scale_may_only_meet_what_it_scales(tmp_path: Path, used: str) -> None:
    quantise = onnx.helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"], name="quantised")
    nodes = [quantise, node("Mul", f"x {used}", "m"), node("Flatten", "m")]
    with pytest.raises(NetworkError, match="integers; put"):
        converted(save(make_model(nodes, SHAPE), tmp_path))
