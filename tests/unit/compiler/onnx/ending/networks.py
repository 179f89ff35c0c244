"""Networks whose last operators are looked at, and what onnxruntime gives for them."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

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


def agreeing(path: Path) -> Any:
    """The draft of a network; it gives onnxruntime's labels, of which there are several."""
    draft = converted(path)
    frames = frames_for(draft, 60)
    found = scores(draft.items, frames, lambda: None).argmax(axis=1)
    assert len(set(found)) > 1 and np.array_equal(found, labels_of(path, frames))
    return draft


def checked(nodes: list[onnx.NodeProto], folder: Path, opset: int = 17) -> Any:
    """The draft of the network with these nodes behind "s"; it gives onnxruntime's labels."""
    model = make_model([*NET, *nodes], SHAPE, NUMBERS, opset)
    if nodes[-1].op_type in ("ArgMax", "ArgMin", "Cast"):
        whole = onnx.TensorProto.INT32 if nodes[-1].op_type == "Cast" else onnx.TensorProto.INT64
        model.graph.output[0].type.tensor_type.elem_type = whole
    return agreeing(save(model, folder))


def one_score(nodes: list[onnx.NodeProto], folder: Path) -> Path:
    """The network with one score instead of six, and these nodes behind it."""
    numbers = NUMBERS | {"w": NUMBERS["w"][:, :1], "b": np.array([0.2])}
    return save(make_model([*NET, *nodes], SHAPE, numbers), folder)
