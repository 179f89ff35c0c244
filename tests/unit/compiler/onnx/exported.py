"""Networks as PyTorch and Keras export them, and frames for them."""

from pathlib import Path
from typing import Any

import numpy as np

from compiler.onnx.importing import ImportResult, import_network
from compiler.onnx.options import ImportOptions
from tests.onnx_graphs import DATA, reference

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
