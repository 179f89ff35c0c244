"""`blindsight model import`: what it writes, says and refuses."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from typer.testing import CliRunner

from blindsight.cli import app
from common.errors import CapacityError
from models.catalogue import load_network
from models.plans import compile_plan, get_plan
from models.samples import load_samples
from models.training import importing
from tests.onnx_graphs import DATA, make_model, node, reference, save
from tests.unit.compiler.onnx.exported import calibration


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


def test_of_a_number_of_no_known_range_it_is_said_what_was_assumed_and_what_says_otherwise(tmp_path: Path) -> None:
    nodes = [node("Flatten", "x", "f"), node("MatMul", "f a")]
    file = save(make_model(nodes, ("n", 1, 4, 6), {"a": np.random.default_rng(0).normal(size=(24, 1))}), tmp_path)
    frames = np.random.default_rng(1).integers(0, 256, (30, 4, 6), dtype=np.uint8)
    np.savez(tmp_path / "frames.npz", frames=frames, labels=np.arange(30))
    given = ("--calibrate", tmp_path / "frames.npz", "-o", tmp_path / "mine")
    assert "run from 0 to 1. The network gives one number" in str(invoke(file, *given).exception)
    np.savez(tmp_path / "frames.npz", frames=frames, labels=np.arange(30) % 2)
    said = invoke(file, *given)
    assert "threshold              1 above 0" in said.stdout
    assert "--threshold moves that, and --output values keeps the number" in said.stderr.replace("\n", " ")
    for known in (("--threshold", "0"), ("--output", "values")):
        assert "keeps the number" not in invoke(file, *given, "--force", *known).stderr.replace("\n", " ")


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
    def refuse(*_: object, **__: object) -> None:
        raise CapacityError("3 rescalings leave an error")

    monkeypatch.setattr("blindsight.commands.model.importing.plan.compile_on_frames", refuse)
    monkeypatch.setattr("blindsight.commands.model.importing.plan.most_levels", lambda _: 1)
    monkeypatch.setattr("blindsight.commands.model.importing.report.LEAST_AGREEMENT", 1.01)
    frames = calibration(tmp_path, "torch_cnn_dynamo")
    ended = invoke(DATA / "torch_cnn_dynamo.onnx", "--calibrate", frames, "-o", tmp_path / "mine", "--linearise", 1)
    said = ended.stderr.replace("\n", " ")
    assert ended.exit_code == 0 and not list((tmp_path / "mine").glob("*.plan"))
    assert "3 rescalings leave an error. The network has 2 squarings in sequence, 1 more than" in said
    assert "--linearise 2 makes lines of the activations that cost least" in said
    assert "of the labels agree. What helps: more calibration frames" in said and "--degree 4; --linearise 0;" in said
    assert [type(layer).__name__ for layer in load_network(str(tmp_path / "mine")).layers].count("Polynomial") == 3


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
