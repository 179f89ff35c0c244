"""Encrypted scores of imported networks are onnxruntime's, within the bound that the plan states."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import NodeProto

from compiler.compile import compile_network
from compiler.onnx.importing import import_network
from compiler.onnx.options import ImportOptions
from tests.encrypted import evaluator
from tests.onnx_graphs import DATA, make_model, node, reference, save

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
FRAMES = 3


def check_encrypted(path: Path, frame_shape: tuple[int, int, int], folder: Path) -> None:
    frames = np.random.default_rng(1).integers(0, 256, (32, *frame_shape), dtype=np.uint8)
    expected = reference(path, frames)
    np.savez(folder / "frames.npz", frames=frames, labels=expected.argmax(axis=1))
    made = import_network(path, folder / "frames.npz", ImportOptions(name="net"))
    assert not made.report.activations  # polynomials only, so that no fit stands between the two
    plan = compile_network(made.network, frames)
    evaluate = evaluator(plan)
    for frame, scores in zip(frames[:FRAMES], expected, strict=False):
        found = evaluate(frame[None])[0]
        if made.report.left_out:
            assert found.argmax() == scores.argmax()
        else:
            assert np.abs(found - scores).max() <= plan.head.error_bound + 1e-4 * np.abs(expected).max()


def weights(*shape: int) -> Any:
    return RNG.normal(size=shape) / np.sqrt(np.prod(shape[1:]))


@pytest.mark.parametrize("channels_last", [False, True])
def test_a_chain_with_a_flatten_whose_order_matters(tmp_path: Path, channels_last: bool) -> None:
    turn: list[NodeProto] = [node("Transpose", "p", "t", perm=[0, 2, 3, 1])] if channels_last else []
    nodes = [
        node("Conv", "x w b", "c", group=3, pads=[1, 0, 1, 1], strides=[2, 1]),
        node("BatchNormalization", "c gamma beta mean variance", "n"),
        node("Mul", "n a", "m"),
        node("Add", "m one", "o"),
        node("Mul", "o n", "q"),
        node("AveragePool", "q", "p", kernel_shape=[2, 2], pads=[0, 1, 0, 0], strides=[1, 2]),
        *turn,
        node("Reshape", "t shape" if turn else "p shape", "f"),
        node("Gemm", "f v d", "h", transB=1),
        node("Pow", "h two", "s"),
        node("MatMul", "s u", "y"),
    ]
    constants = {
        **{name: RNG.uniform(0.5, 1.5, 6) for name in ("gamma", "beta", "mean", "variance")},
        "w": weights(6, 1, 3, 2),
        "b": weights(6),
        "a": RNG.uniform(0.2, 0.6, (6, 1, 1)),
        "one": np.float32(1),
        "shape": np.array([-1, 6 * 3 * 5]),
        "v": weights(8, 90),
        "d": weights(8),
        "two": np.float32(2),
        "u": weights(8, 4),
    }
    check_encrypted(save(make_model(nodes, ("n", 3, 8, 9), constants), tmp_path), (8, 9, 3), tmp_path)


def test_a_chain_as_pytorch_exports_it(tmp_path: Path) -> None:
    check_encrypted(DATA / "torch_squares_dynamo.onnx", (8, 10, 3), tmp_path)


@pytest.mark.parametrize("name", ["torch_moving_dynamo", "torch_moving_opset17"])
def test_what_moves_values_and_a_gate(tmp_path: Path, name: str) -> None:
    check_encrypted(DATA / f"{name}.onnx", (8, 12, 3), tmp_path)


@pytest.mark.parametrize("name", ["torch_residual_opset13", "torch_residual_dynamo"])
def test_residual_sums(tmp_path: Path, name: str) -> None:
    check_encrypted(DATA / f"{name}.onnx", (8, 8, 1), tmp_path)


@pytest.mark.parametrize("degree", [2, 4])
def test_fitted_activations_run_encrypted_as_they_do_plain(tmp_path: Path, degree: int) -> None:
    nodes = [
        node("Conv", "x w", "c", strides=[2, 2]),
        node("Relu", "c", "r"),
        node("Flatten", "r", "f"),
        node("Gemm", "f v", "h", transB=1),
        node("Tanh", "h", "t"),
        node("MatMul", "t u", "y"),
    ]
    constants = {"w": weights(4, 1, 3, 3), "v": weights(8, 4 * 3 * 3), "u": weights(8, 3)}
    path = save(make_model(nodes, ("n", 1, 8, 8), constants), tmp_path)
    frames = np.random.default_rng(1).integers(0, 256, (64, 8, 8, 1), dtype=np.uint8)
    np.savez(tmp_path / "frames.npz", frames=frames, labels=reference(path, frames).argmax(axis=1))
    made = import_network(path, tmp_path / "frames.npz", ImportOptions(name="net", degree=degree))
    assert len(made.report.activations) == 2
    plan = compile_network(made.network, frames)
    found, expected = evaluator(plan)(frames[:1]), made.network.scores(frames[:1])
    assert np.abs(found - expected).max() <= plan.head.error_bound
