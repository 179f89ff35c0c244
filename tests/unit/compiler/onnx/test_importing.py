"""Networks as PyTorch and Keras export them become ours, and stay what they were."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.errors import BlindsightError, ConfigurationError, FrameError
from common.plan.network import Network
from compiler.compile import compile_network
from compiler.onnx.importing import import_network, import_with_frames
from compiler.onnx.options import ImportOptions
from tests.encrypted import evaluator
from tests.onnx_graphs import DATA, check, make_model, node, reference, save
from tests.unit.compiler.onnx.exported import FRAME_SHAPES, calibration, imported


@pytest.mark.parametrize("name", FRAME_SHAPES)
def test_exported_networks_give_the_scores_of_onnxruntime(name: str) -> None:
    assert check(DATA / f"{name}.onnx").frame_shape == FRAME_SHAPES[name]


@pytest.mark.parametrize("name", FRAME_SHAPES)
@pytest.mark.parametrize("degree", [2, 4])
@pytest.mark.slow
def test_fitted_networks_stay_close(tmp_path: Path, name: str, degree: int) -> None:
    made = imported(tmp_path, name, degree=degree)
    report = made.report
    assert report.original_accuracy == 1  # the labels are its own
    assert report.agreement == report.imported_accuracy >= 0.9
    assert report.frames == 120 and report.squarings_by_degree["2"] <= report.squarings
    assert report.squarings <= report.squarings_by_degree[str(degree)]
    assert report.held_out == (24 if report.activations else 0)
    if "residual" in name:
        assert not report.activations and report.agreement == 1 and report.left_out
        assert report.squarings_by_degree == {"2": 2, "4": 2}
    elif name == "torch_cnn_dynamo":
        kinds = [each.kind for each in report.activations]
        assert kinds == ["Relu", "Tanh", "Sigmoid, Mul"]
        assert all(each.rms_error > 0 and each.relative_error < 0.5 for each in report.activations)


def test_a_network_without_fits_is_exact_after_saving(tmp_path: Path) -> None:
    made = imported(tmp_path, "torch_residual_opset13")
    made.network.save(tmp_path / "network.npz")
    frames = made.calibration.frames
    scores = Network.load(tmp_path / "network.npz").scores(frames)
    share = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    assert np.abs(share - reference(DATA / "torch_residual_opset13.onnx", frames)).max() < 1e-4


@pytest.mark.slow
def test_a_network_with_nearly_linear_channels_has_a_plan(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    nodes, constants, current, channels = [], {}, "x", 1
    for place in range(3):
        constants[f"w{place}"] = rng.normal(size=(4, channels, 3, 3)) / np.sqrt(9 * channels)
        constants[f"b{place}"] = np.array([1.0, 0.5, *rng.normal(size=2) / 10])
        strides = [2, 2] if place < 2 else [1, 1]
        nodes.append(node("Conv", f"{current} w{place} b{place}", f"c{place}", pads=[1] * 4, strides=strides))
        nodes.append(node("Relu", f"c{place}", f"r{place}"))
        current, channels = f"r{place}", 4
    constants["v"] = rng.normal(size=(5, 16)) / 4
    nodes += [node("Flatten", current, "f"), node("Gemm", "f v", transB=1)]
    file = save(make_model(nodes, ("n", 1, 8, 8), constants), tmp_path)
    frames = (rng.uniform(0, 255, (300, 1, 1, 1)) + rng.normal(0, 40, (300, 8, 8, 1))).clip(0, 255).astype(np.uint8)
    network, report = import_with_frames(file, frames, None, ImportOptions(name="mine"))
    assert report.agreement > 0.8
    plan = compile_network(network, frames[:60])
    found = evaluator(plan)(frames[:1])
    assert np.abs(found - network.scores(frames[:1])).max() <= plan.head.error_bound


@pytest.mark.parametrize(
    ("options", "error", "part"),
    [
        ({"degree": 3}, ConfigurationError, "degree is 3; it must be 2 or 4"),
        ({"labels": ["a", "b"]}, ConfigurationError, "labels has 2; the network gives 3 scores"),
        ({"labels": ["a", "b", "a"]}, ConfigurationError, "labels has one twice"),
        ({"mean": [0.1, 0.2]}, BlindsightError, "mean has 2 values; give one, or 1"),
        ({"deviation": [0.0]}, ConfigurationError, "std above 0"),
        ({"mean": [float("nan")]}, ConfigurationError, "finite"),
    ],
)
def test_options_that_do_not_fit(
    tmp_path: Path, options: dict[str, Any], error: type[BlindsightError], part: str
) -> None:
    with pytest.raises(error, match=part):
        imported(tmp_path, "keras_grey", **options)


def test_frames_that_do_not_fit(tmp_path: Path) -> None:
    frames = calibration(tmp_path, "torch_cnn_dynamo")
    with pytest.raises(FrameError, match=r"the model takes \(8, 8, 1\)"):
        import_network(DATA / "keras_grey.onnx", frames, ImportOptions(name="mine"))
