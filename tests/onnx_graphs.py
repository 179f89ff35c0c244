"""ONNX graphs for tests, and their plain outputs as onnxruntime gives them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from common.errors import NetworkError
from compiler.onnx.conversion import Draftwork, convert
from compiler.onnx.draft.draft import Activation, Item
from compiler.onnx.file.reading import read_graph
from compiler.onnx.fits.activations import FittedNetwork, Recipe, Sample, count_activations, fit_activations, scores
from compiler.onnx.options import ImportOptions

DATA = Path(__file__).parent / "data" / "onnx"
#: The numbers that onnxruntime's inputs take, where they aren't float32.
_NUMBERS: dict[str, type] = {"tensor(double)": np.float64, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}


def make_model(
    nodes: Sequence[onnx.NodeProto],
    shape: Sequence[int | str],
    constants: Mapping[str, Any] | None = None,
    opset: int = 17,
    **options: Any,
) -> onnx.ModelProto:
    """A model from input "x" of this shape, batch included, to output "y"; arrays of floats become float32."""
    initializers = []
    for name, values in (constants or {}).items():
        array = np.asarray(values)
        array = array.astype(np.float32) if array.dtype.kind == "f" else array
        initializers.append(numpy_helper.from_array(array, name))
    x = helper.make_tensor_value_info("x", options.pop("kind", TensorProto.FLOAT), shape)
    y = onnx.ValueInfoProto(name="y", type=helper.make_tensor_type_proto(TensorProto.FLOAT, None))
    graph = helper.make_graph(list(nodes), "graph", [x], [y], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=7, **options)


def node(operator: str, inputs: str, output: str = "y", **attributes: Any) -> onnx.NodeProto:
    """A node with names of inputs parted by spaces (two leave one out between them), called as its outputs are."""
    return helper.make_node(operator, inputs.split(" "), output.split(), name=f"{operator}_{output}", **attributes)


#: The last node of many graphs: scores are one row for each frame.
FLAT = node("Flatten", "h")


def save(model: onnx.ModelProto, folder: Path) -> Path:
    """The model as a file."""
    path = folder / "net.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def converted(path: Path, frame_shape: tuple[int, int, int] | None = None, **options: Any) -> Draftwork:
    """The draft of a file."""
    chosen = ImportOptions(**{"name": "mine", **options})
    return convert(read_graph(path, chosen.output_name), chosen, frame_shape)


def frames_for(draft: Draftwork, count: int = 3, seed: int = 0) -> NDArray[np.uint8]:
    """Frames of noise."""
    return np.random.default_rng(seed).integers(0, 256, (count, *draft.frame_shape), dtype=np.uint8)


def reference(path: Path, frames: NDArray[np.uint8], mean: float = 0.0, deviation: float = 1.0) -> NDArray[np.float64]:
    """Scores (n, labels) of frames (n, h, w, c) by onnxruntime, one frame at a time."""
    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level = 3  # errors: it warns where it guessed a shape wrong itself
    session = onnxruntime.InferenceSession(path, quiet, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    numbers = _NUMBERS.get(given.type, np.float32)
    values = frames if numbers is np.uint8 else ((frames / 255 - mean) / deviation).astype(numbers)
    if len(given.shape) == 2:
        values = values.reshape(len(values), -1)
    elif tuple(given.shape[1:]) != values.shape[1:]:  # not Keras's order
        values = values[..., 0] if len(given.shape) == 3 else np.moveaxis(values, 3, 1)
    batch = given.shape[0] if isinstance(given.shape[0], int) else 1
    return np.stack([session.run(None, {given.name: np.stack([value] * batch)})[0][0].reshape(-1) for value in values])


def check(path: Path, mean: float = 0.0, deviation: float = 1.0) -> Draftwork:
    """The draft of a file, which gives onnxruntime's scores; it may end with a Softmax."""
    options: dict[str, Any] = {"mean": (mean,), "deviation": (deviation,)}
    draft = converted(path, **options)
    if draft.left_out != ("Softmax",):
        draft = converted(path, **options, output="values")
    frames = frames_for(draft)
    found, expected = scores(draft.items, frames, lambda: None), reference(path, frames, mean, deviation)
    if draft.left_out:
        found = np.exp(found) / np.exp(found).sum(axis=1, keepdims=True)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1e-4 * max(1.0, np.abs(expected).max())
    if not any(isinstance(item, Activation) for item in draft.items):
        assert fitted(draft.items, frames).layers == draft.items  # nothing was changed by fitting
    return draft


def fitted(items: Sequence[Item], frames: NDArray[np.uint8], degree: int = 2) -> FittedNetwork:
    """Items with their activations fitted on frames that all count alike, and all else as it was."""
    recipe = Recipe((degree,) * count_activations(items))
    return fit_activations(items, Sample(frames, np.ones(len(frames))), recipe, lambda: None)


def checked_layers(
    folder: Path, nodes: Sequence[onnx.NodeProto], shape: Sequence[int | str], opset: int = 19, **constants: Any
) -> list[Any]:
    """The items of a graph of these nodes and constants, which gives onnxruntime's scores."""
    return list(check(save(make_model(nodes, shape, constants, opset), folder)).items)


def kinds(layers: Sequence[Item]) -> list[type]:
    """What the items are."""
    return [type(layer) for layer in layers]


def refused(model: onnx.ModelProto, folder: Path) -> str:
    """What an import says of a model that it refuses."""
    with pytest.raises(NetworkError) as caught:
        converted(save(model, folder))
    return str(caught.value)
