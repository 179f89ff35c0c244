"""Networks from PyTorch, from ONNX and by hand become plans that give the labels they gave."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import blindsight as bs
from models.catalogue import load_network
from tests.onnx_graphs import make_model, node, save

DATA = Path(__file__).parents[3] / "data" / "onnx"
Frames = NDArray[np.uint8]


def small_network(classes: int = 3) -> bs.Network:
    """Two dense layers and a square, on frames of 6×6."""
    rng = np.random.default_rng(0)
    layers = (
        bs.layers.Flatten(),
        bs.layers.Dense(rng.normal(size=(8, 36)) / 6, rng.normal(size=8)),
        bs.layers.Polynomial(np.ones(8), np.zeros(8), np.zeros(8)),
        bs.layers.Dense(rng.normal(size=(classes, 8)), rng.normal(size=classes)),
    )
    return bs.Network("small", (6, 6, 1), tuple(f"kind {number}" for number in range(classes)), layers)


@pytest.fixture(scope="module")
def small_frames() -> Frames:
    return np.random.default_rng(1).integers(0, 256, (40, 6, 6), dtype=np.uint8)


def decided(plan: bs.Plan, frames: Frames) -> tuple[str, ...]:
    keys = bs.KeySet.create(plan)
    return keys.decrypt(bs.Evaluator(plan, keys.evaluation).evaluate(keys.encrypt(frames)), frames=len(frames)).labels


@pytest.mark.slow
def test_a_network_of_layers_put_together_by_hand(small_frames: Frames) -> None:
    network = small_network()
    told: list[tuple[str, float]] = []
    plan = bs.compile(network, small_frames, progress=lambda what, share: told.append((what, share)))
    (index,) = network.scores(small_frames[:1]).argmax(axis=1)
    assert decided(plan, small_frames[:1]) == (f"kind {index}",)
    assert told == [("compiling", 0.0), ("compiling", 1.0)]


def test_all_that_the_command_line_offers(small_frames: Frames, tmp_path: Path) -> None:
    plan = bs.compile(
        small_network(), small_frames, security_bits=192, frames_per_ciphertext=2, encrypt_from="last", sealed=True
    )
    head = plan.head
    assert (head.parameters.security_bits, head.frames_per_ciphertext, head.for_sealing) == (192, 2, True)
    assert [type(layer).__name__ for layer in head.front][:3] == ["Flatten", "Dense", "Polynomial"]
    plan.save(str(tmp_path / "small.plan"))
    plan.save_head(str(tmp_path / "small.head"))
    assert bs.load_plan(tmp_path / "small.plan").head.hash == head.hash
    assert bs.load_head(tmp_path / "small.head").front


def test_an_onnx_file_with_frames_that_nobody_labelled() -> None:
    frames = np.random.default_rng(2).integers(0, 256, (60, *load_frame_shape("torch_cnn_opset17")), dtype=np.uint8)
    network, report = bs.import_network(DATA / "torch_cnn_opset17.onnx", frames)
    assert network.name == "torch_cnn_opset17"
    assert (report.original_accuracy, report.imported_accuracy) == (None, None)
    assert report.frames == 60
    labelled = network.scores(frames).argmax(axis=1)
    _, report = bs.import_network(str(DATA / "torch_cnn_opset17.onnx"), frames, labelled)
    assert report.imported_accuracy == 1.0


def test_which_of_a_files_values_are_wanted(tmp_path: Path) -> None:
    nodes = [node("Flatten", "x", "f"), node("MatMul", "f a", "s"), node("Sigmoid", "s"), node("Tanh", "s", "z")]
    file = save(make_model(nodes, ("n", 1, 4, 6), {"a": np.random.default_rng(0).normal(size=(24, 1))}), tmp_path)
    frames = np.random.default_rng(1).integers(0, 256, (40, 4, 6), dtype=np.uint8)
    labels, report = bs.import_network(file, frames, output_name="z", threshold=-0.9)
    assert labels.labels == ("0", "1") and report.left_out == ("Tanh",)
    values, report = bs.import_network(file, frames, output="values")
    assert values.labels == ("0",) and report.values_error is not None


def load_frame_shape(name: str) -> tuple[int, int, int]:
    from compiler.onnx.conversion import convert
    from compiler.onnx.file.reading import read_graph
    from compiler.onnx.options import ImportOptions

    return convert(read_graph(DATA / f"{name}.onnx"), ImportOptions(name=name)).frame_shape


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": ["a", "b", "c"]}, "a Network has its own"),
        ({"mean": 0.5}, "a Network has its own"),
        ({"frames_per_ciphertext": 3}, "power of two"),
        ({"encrypt_from": 9}, "encrypt_from is '9'"),
    ],
)
def test_parameters_that_can_not_be_are_named(small_frames: Frames, options: dict[str, Any], message: str) -> None:
    with pytest.raises(bs.ConfigurationError, match=message):
        bs.compile(small_network(), small_frames, **options)


@pytest.mark.parametrize(
    "frames", [np.zeros((4, 6, 6)), np.zeros((0, 6, 6), np.uint8), [[1]], np.zeros((6, 6), np.uint8)]
)
def test_frames_that_can_not_be_are_refused(frames: Any) -> None:
    with pytest.raises(bs.FrameError):
        bs.compile(small_network(), frames)


def test_frames_of_another_size_are_refused() -> None:
    with pytest.raises(bs.FrameError, match="the model takes 6×6"):
        bs.compile(small_network(), np.zeros((3, 7, 6), np.uint8))
    with pytest.raises(bs.FrameError, match="the network takes"):
        bs.compile(DATA / "torch_cnn_opset17.onnx", np.zeros((3, 7, 6), np.uint8))


def test_what_is_no_network_is_refused(small_frames: Frames) -> None:
    with pytest.raises(
        bs.ConfigurationError, match=r"give a torch.nn.Module, the path of an ONNX file, or a blindsight"
    ):
        bs.compile(object(), small_frames)  # type: ignore[arg-type]
    with pytest.raises(bs.ConfigurationError, match="isn't a file"):
        bs.compile("nowhere.onnx", small_frames)


def test_shipped_models_have_names() -> None:
    assert bs.load_plan("digits").head.labels == load_network("digits").labels
    with pytest.raises(bs.ConfigurationError, match="neither a plan's file nor a shipped model"):
        bs.load_plan("digit")


class TestTorch:
    @pytest.fixture(autouse=True)
    def torch(self) -> Any:
        return pytest.importorskip("torch")

    def module(self, torch: Any) -> Any:
        torch.manual_seed(0)
        nn = torch.nn
        return nn.Sequential(
            nn.Flatten(), nn.Linear(36, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 3)
        )

    def test_a_module_is_compiled_and_left_as_it_was(self, torch: Any, small_frames: Frames) -> None:
        module = self.module(torch)
        module.train()
        module[2].eval()  # someone froze it
        plan = bs.compile(module, small_frames, labels=["a", "b", "c"], mean=0.5, std=0.25, degree=4)
        assert [each.training for each in module] == [True, True, False, True, True, True]
        module.eval()
        inputs = torch.tensor((small_frames[:1, None] / 255 - 0.5) / 0.25, dtype=torch.float32)
        assert decided(plan, small_frames[:1]) == ("abc"[int(module(inputs).argmax())],)

    def test_an_import_says_which_share_of_labels_it_keeps(self, torch: Any, small_frames: Frames) -> None:
        network, report = bs.import_network(self.module(torch), small_frames)
        assert network.labels == ("0", "1", "2")
        assert report.model == "Sequential"
        assert 0.8 < report.agreement <= 1

    def test_what_can_not_be_exported_or_encrypted_is_named(self, torch: Any, small_frames: Frames) -> None:
        with pytest.raises(bs.NetworkError, match=r"torch.onnx.export can't export Linear"):
            bs.compile(torch.nn.Linear(3, 4), small_frames)
        with pytest.raises(bs.NetworkError, match="MaxPool"):
            bs.compile(torch.nn.Sequential(torch.nn.MaxPool2d(6), torch.nn.Flatten()), small_frames)
