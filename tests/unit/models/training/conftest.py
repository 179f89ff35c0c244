"""An original with ReLU and MaxPool, and what a bad import makes of it, for tests of fine-tuning."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from common.plan.layers import Polynomial
from common.plan.network import Network
from compiler.onnx.conversion import Draftwork
from tests.onnx_graphs import converted, fitted, make_model, node, save

Frames = NDArray[np.uint8]


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two convolutions with ReLU, max pooling and a residual sum, for grey frames of 8×8."""
    rng = np.random.default_rng(0)
    last = rng.normal(0, 1, (4, 16, 3))
    last -= last.mean(axis=1, keepdims=True)  # so that each label comes first now and then
    constants = {"v": rng.normal(0, 0.7, (4, 1, 3, 3)), "w": rng.normal(0, 0.4, (4, 4, 3, 3)), "m": last.reshape(64, 3)}
    nodes = [
        node("Conv", "x v", "a", pads=[1] * 4),
        node("Relu", "a", "b"),
        node("MaxPool", "b", "c", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 0, 0]),
        node("Conv", "c w", "d", pads=[1] * 4),
        node("Add", "d c", "e"),
        node("Relu", "e", "f"),
        node("Flatten", "f", "g"),
        node("MatMul", "g m"),
    ]
    return save(make_model(nodes, (1, 1, 8, 8), constants), tmp_path)


@pytest.fixture
def draft(file: Path) -> Draftwork:
    return converted(file, replace_maxpool="mean")


@pytest.fixture
def frames() -> Frames:
    return np.random.default_rng(1).integers(0, 256, (300, 8, 8, 1), dtype=np.uint8)


@pytest.fixture
def network(draft: Draftwork, frames: Frames) -> Network:
    """A bad import: its fits have errors that an import's haven't."""
    layers = fitted(draft.items, frames).layers
    bad = [Polynomial(layer.a * 2, layer.b, layer.c) if isinstance(layer, Polynomial) else layer for layer in layers]
    return Network("net", draft.frame_shape, ("a", "b", "c"), tuple(bad))
