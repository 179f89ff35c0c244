"""`blindsight model import`, on networks as PyTorch and Keras export them."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from blindsight.cli import app
from blindsight.command_line.lists import read_labels, read_numbers
from common.errors import BlindsightError, CapacityError, ConfigurationError, FrameError
from common.plan.network import Network
from compiler.compile import compile_network
from compiler.onnx.importing import ImportResult, import_network, import_with_frames
from compiler.onnx.options import ImportOptions
from models.catalogue import load_network
from models.plans import compile_plan, get_plan
from models.samples import load_samples
from models.training import importing
from tests.encrypted import evaluator
from tests.onnx_graphs import DATA, check, make_model, node, reference, save

FRAME_SHAPES = {
    "torch_cnn_opset11": (8, 10, 3),
    "torch_cnn_opset17": (8, 10, 3),
    "torch_cnn_dynamo": (8, 10, 3),
    "torch_squares_dynamo": (8, 10, 3),
    "torch_moving_dynamo": (8, 12, 3),
    "torch_moving_opset17": (8, 12, 3),
    "torch_residual_opset13": (8, 8, 1),
    "torch_residual_dynamo": (8, 8, 1),
    "keras_colour": (8, 9, 3),
    "keras_grey": (8, 8, 1),
}


def calibration(folder: Path, name: str, count: int = 120) -> Path:
    """Smooth frames, labelled by what the network says of them."""
    shape, rng = FRAME_SHAPES[name], np.random.default_rng(0)
    frames = (rng.uniform(0, 255, (count, 1, 1, shape[2])) + rng.normal(0, 30, (count, *shape))).clip(0, 255)
    frames = frames.astype(np.uint8)
    labels = reference(DATA / f"{name}.onnx", frames).argmax(axis=1)
    np.savez(folder / "frames.npz", frames=frames, labels=labels)
    return folder / "frames.npz"


def imported(folder: Path, name: str, **options: Any) -> ImportResult:
    return import_network(DATA / f"{name}.onnx", calibration(folder, name), ImportOptions(name="mine", **options))


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


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["model", "import", *map(str, arguments)])


def test_the_folder_is_a_model_with_samples(tmp_path: Path) -> None:
    frames = calibration(tmp_path, "torch_cnn_dynamo")
    out = tmp_path / "models" / "mine"
    file = DATA / "torch_cnn_dynamo.onnx"
    ended = invoke(file, "--calibrate", frames, "-o", out, "--labels", "a, b,c,d,e", "--json", tmp_path / "r.json")
    assert ended.exit_code == 0
    assert f"next: blindsight demo --model {out}" in ended.stderr.replace("\n", "")
    assert "labels that agree" in ended.stdout and "squarings in sequence  3 (6 with --degree 4)" in ended.stdout
    network, samples = load_network(str(out)), load_samples(str(out))
    assert (network.name, network.labels) == ("mine", ("a", "b", "c", "d", "e"))
    assert samples.frames.shape == (100, 8, 10, 3)
    with np.load(frames) as data:
        assert np.array_equal(samples.frames[-1], data["frames"][-1])
        assert samples.labels[-1] == data["labels"][-1]
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["layers"][:2] == ["Conv2d", "Polynomial"] and len(report["activations"]) == 3
    assert [path.name for path in out.parent.iterdir()] == ["mine"]
    assert report["plan"]["plan"] == get_plan(str(out), 128).head.hash == compile_plan(str(out), 128).head.hash
    assert "predicted time" in ended.stdout and report["refusal"] is None


def test_values_are_imported_with_the_error_that_they_have(tmp_path: Path) -> None:
    nodes = [node("Flatten", "x", "f"), node("MatMul", "f a", "s"), node("Sigmoid", "s"), node("ArgMax", "s", "z")]
    model = make_model(nodes, ("n", 1, 4, 6), {"a": np.random.default_rng(0).normal(size=(24, 1))})
    model.graph.output.append(onnx.helper.make_tensor_value_info("s", onnx.TensorProto.FLOAT, ("n", 1)))
    file = save(model, tmp_path)
    frames = np.random.default_rng(1).integers(0, 256, (60, 4, 6), dtype=np.uint8)
    np.savez(tmp_path / "frames.npz", frames=frames, labels=np.arange(60))
    options = ["--calibrate", tmp_path / "frames.npz", "-o", tmp_path / "mine", "--output", "values"]
    assert "--output-name NAME" in str(invoke(file, *options).exception)
    ended = invoke(file, *options, "--output-name", "y", "--json", tmp_path / "r.json")
    assert ended.exit_code == 0 and "of their spread" in ended.stdout and "labels that agree" not in ended.stdout
    assert 0 < json.loads((tmp_path / "r.json").read_text())["values_error"] < 0.3
    assert load_network(str(tmp_path / "mine")).labels == ("0",)


def test_a_share_of_labels_is_refused_for_values_before_anything_is_read(tmp_path: Path) -> None:
    given = ("--calibrate", tmp_path, "-o", tmp_path / "mine", "--output", "values", "--min-agreement", "0.9")
    refused = invoke(tmp_path / "none.onnx", *given)
    assert "min-agreement is for labels, but output is values; leave it out" in str(refused.exception)


def test_a_threshold_parts_one_score(tmp_path: Path) -> None:
    nodes = [node("Flatten", "x", "f"), node("MatMul", "f a", "s"), node("Sigmoid", "s")]
    file = save(make_model(nodes, ("n", 1, 4, 6), {"a": np.random.default_rng(0).normal(size=(24, 1))}), tmp_path)
    frames = np.random.default_rng(1).integers(0, 256, (60, 4, 6), dtype=np.uint8)
    shares = reference(file, frames[..., None])[:, 0]
    threshold = round(float(np.median(shares)), 3)
    labels = (shares > threshold).astype(np.int64)
    np.savez(tmp_path / "frames.npz", frames=frames, labels=labels)
    ended = invoke(file, "--calibrate", tmp_path / "frames.npz", "-o", tmp_path / "mine", "--threshold", threshold)
    assert "accuracy, imported     100.00%" in ended.stdout and "left out at the end" in ended.stdout
    assert 0 < labels.mean() < 1 and load_network(str(tmp_path / "mine")).labels == ("0", "1")


def test_below_the_bound_nothing_is_written(tmp_path: Path) -> None:
    nodes = [node("Sub", "x half", "c"), node("Relu", "c", "r"), node("Flatten", "r")]
    file = save(make_model(nodes, ("n", 1, 1, 2), {"half": np.float32(0.5)}), tmp_path)  # dark pixels are a tie
    frames = np.random.default_rng(0).integers(0, 256, (200, 1, 2), dtype=np.uint8)
    np.savez(tmp_path / "frames.npz", frames=frames, labels=frames[:, 0].argmax(axis=1))
    ended = invoke(file, "--calibrate", tmp_path / "frames.npz", "-o", tmp_path / "mine", "--min-agreement", "0.98")
    assert ended.exit_code == 1
    assert "min-agreement is 98.00%; nothing was written" in str(ended.exception)
    assert "; --degree 4;" in str(ended.exception)
    assert not (tmp_path / "mine").exists()


def test_without_a_plan_the_import_says_why_and_what_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise CapacityError("3 rescalings leave an error")

    monkeypatch.setattr("blindsight.commands.model.import_plan.compile_on_frames", refuse)
    monkeypatch.setattr("blindsight.commands.model.import_plan.most_levels", lambda _: 1)
    monkeypatch.setattr("blindsight.commands.model.import_report.LEAST_AGREEMENT", 1.01)
    frames = calibration(tmp_path, "torch_cnn_dynamo")
    ended = invoke(DATA / "torch_cnn_dynamo.onnx", "--calibrate", frames, "-o", tmp_path / "mine", "--linearise", 1)
    said = ended.stderr.replace("\n", " ")
    assert ended.exit_code == 0 and not list((tmp_path / "mine").glob("*.plan"))
    assert "3 rescalings leave an error. The network has 2 squarings in sequence, 1 more than" in said
    assert "--linearise 2 makes lines of the activations that cost least" in said
    assert "of the labels agree. What helps: more calibration frames" in said and "--degree 4; --linearise 0;" in said
    assert [type(layer).__name__ for layer in load_network(str(tmp_path / "mine")).layers].count("Polynomial") == 3


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


#: What stands for a PyTorch that can fine-tune.
NEW_TORCH = SimpleNamespace(optim=SimpleNamespace(Muon=None))


@pytest.mark.parametrize(
    ("minutes", "torch", "part"),
    [
        ("1", None, "PyTorch, which isn't installed; run: "),
        ("0", NEW_TORCH, "finetune is 0; give the minutes"),
        ("1 --output values", NEW_TORCH, "fine-tuning teaches labels, but output is values; leave it out"),
    ],
)
def test_fine_tuning_that_can_not_be_is_refused_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minutes: str, torch: object, part: str
) -> None:
    monkeypatch.setitem(sys.modules, "torch", torch)
    ended = invoke(
        tmp_path / "none.onnx", "--calibrate", tmp_path, "-o", tmp_path / "mine", "--finetune", *minutes.split()
    )
    assert part in str(ended.exception)


@pytest.mark.slow
def test_fine_tuning_reports_before_and_after_and_an_interrupt_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    name = "torch_cnn_dynamo"
    given = (DATA / f"{name}.onnx", "--calibrate", calibration(tmp_path, name), "-o", tmp_path / "mine")
    ended = invoke(*given, "--finetune", "0.02", "--json", tmp_path / "r.json")
    before = [line.split("  ")[0] for line in ended.stdout.splitlines() if "% before fine-tuning)" in line]
    assert before == ["accuracy, imported", "labels that agree"]
    report = json.loads((tmp_path / "r.json").read_text())
    assert 0 < report["fitted_agreement"] <= 1 and 0 < report["agreement"] <= 1
    assert report["plan"] is not None
    kept = {path: path.read_bytes() for path in (tmp_path / "mine").rglob("*.npz")}

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(importing.Learner, "step", interrupted)
    assert invoke(*given, "--finetune", "1", "--force").exit_code == 130
    assert kept == {path: path.read_bytes() for path in (tmp_path / "mine").rglob("*.npz")}


def test_a_folder_in_use_is_kept(tmp_path: Path) -> None:
    file, frames = DATA / "keras_grey.onnx", calibration(tmp_path, "keras_grey")
    other = tmp_path / "other"
    other.mkdir()
    (other / "letter.txt").write_text("keep me")
    assert "something else than a model" in str(invoke(file, "--calibrate", frames, "-o", other, "--force").exception)
    out = tmp_path / "mine"
    assert invoke(file, "--calibrate", frames, "-o", out).exit_code == 0
    assert "--force" in str(invoke(file, "--calibrate", frames, "-o", out).exception)
    assert invoke(file, "--calibrate", frames, "-o", out, "--force", "--degree", 4).exit_code == 0
    assert len([layer for layer in load_network(str(out)).layers if type(layer).__name__ == "Polynomial"]) == 4
    assert "is a file" in str(invoke(file, "--calibrate", frames, "-o", frames).exception)


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


def test_labels_and_numbers_as_flags_give_them(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("zero\none, or more\n\n")
    assert read_labels(str(tmp_path / "labels.txt")) == ["zero", "one, or more"]
    assert read_labels("a, b") == ["a", "b"] and read_labels(None) is None
    for wrong in ("", "a,,b"):
        with pytest.raises(ConfigurationError, match="labels is"):
            read_labels(wrong)
    assert read_numbers("std", "1/255, 0.5") == [1 / 255, 0.5]
    for wrong in ("x", "1/0", "", "1,", "nan", "1e999999999"):
        with pytest.raises(ConfigurationError, match="std is"):
            read_numbers("std", wrong)


@st.composite
def graphs(draw: st.DrawFn) -> Any:
    """A chain of random operators, with residual sums where shapes allow."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    channels, size = draw(st.integers(1, 3)), draw(st.tuples(st.integers(4, 8), st.integers(4, 8)))
    shape = (draw(st.sampled_from(["n", 1, 3])), channels, *size)
    nodes, constants, current, earlier = [], {}, "x", ["x"]
    for place in range(draw(st.integers(1, 7))):
        name = f"t{place}"
        kind = draw(st.sampled_from(["Conv", "Same", "Mul", "Relu", "Affine", "Norm", "Residual", "Pad"]))
        if kind in ("Conv", "Same"):
            wide = draw(st.integers(1, 4)) if kind == "Conv" else channels
            constants[f"w{place}"] = rng.normal(size=(wide, channels, 3, 3)) / 3
            stride = [draw(st.integers(1, 2)), 1] if kind == "Conv" else [1, 1]
            nodes.append(node("Conv", f"{current} w{place}", name, pads=[1] * 4, strides=stride))
            earlier = earlier if kind == "Same" else []
            channels = wide
        elif kind == "Residual":
            nodes.append(node("Add", f"{draw(st.sampled_from(earlier))} {current}", name))
        elif kind == "Affine":
            constants[f"k{place}"] = rng.normal(size=(channels, 1, 1))
            nodes.append(node(draw(st.sampled_from(["Add", "Mul", "Sub"])), f"{current} k{place}", name))
        elif kind == "Norm":
            for key in ("gamma", "beta", "mean", "variance"):
                constants[f"{key}{place}"] = rng.uniform(0.5, 1.5, channels)
            inputs = " ".join(f"{key}{place}" for key in ("gamma", "beta", "mean", "variance"))
            nodes.append(node("BatchNormalization", f"{current} {inputs}", name))
        elif kind == "Pad":
            constants[f"p{place}"] = np.array([0, 0, *rng.integers(0, 2, 2), 0, 0, *rng.integers(0, 2, 2)])
            nodes.append(node("Pad", f"{current} p{place}", name))
            earlier = []
        else:
            nodes.append(node(kind, current if kind == "Relu" else f"{current} {current}", name))
        current = name
        earlier.append(current)
    nodes.append(node("GlobalAveragePool", current, "g") if draw(st.booleans()) else node("Identity", current, "g"))
    nodes.append(node("Flatten", "g"))
    return make_model(nodes, shape, constants, draw(st.sampled_from([11, 13, 17, 21])))


@pytest.mark.slow
@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(graphs())
def test_random_graphs_give_the_scores_of_onnxruntime(tmp_path: Path, model: Any) -> None:
    check(save(model, tmp_path))
