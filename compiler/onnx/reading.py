"""ONNX files: read, checked, and reduced to the nodes that the output needs."""

import importlib
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import ConfigurationError, NetworkError
from common.installed import install_command
from compiler.onnx.functions import inlined

#: Versions of ONNX's operator set that are read.
OPSETS = range(11, 22)

#: Bytes of the largest file that is read.
_LARGEST_FILE = 2**31
#: Values of one frame, at most: far above any camera's, far below what fills the memory.
_MOST_VALUES = 2**24
#: Domains of ONNX's own operators.
_STANDARD_DOMAINS = ("", "ai.onnx")
#: Element types that an input may have.
_FLOATS = ("FLOAT", "DOUBLE", "FLOAT16")


@dataclass(frozen=True)
class Node:
    """An operator at its place in the graph; `proto` is its form in the file."""

    name: str
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]
    proto: Any = field(repr=False)

    def __str__(self) -> str:
        return f"node {self.name!r} ({self.operator})"


@dataclass(frozen=True)
class Graph:
    """The nodes that the output depends on, in order, and the constants by name.

    `input_shape` is the input's without the batch, and `batch` is 1 where the file leaves it open.
    """

    nodes: tuple[Node, ...]
    constants: dict[str, NDArray[Any]]
    input_name: str
    input_shape: tuple[int, ...]
    batch: int
    output_name: str
    opset: int

    def consumers(self, name: str) -> list[Node]:
        """The nodes that take this tensor."""
        return [node for node in self.nodes if name in node.inputs]


def read_graph(path: Path) -> Graph:
    """Read an ONNX file.

    Raises `ConfigurationError` where the onnx package is missing, and `NetworkError` for a file that isn't
    an ONNX network of opset 11 to 21 with one input of frames and one output.
    """
    onnx = import_onnx()
    model = _load(onnx, path)
    opset = _opset(path, model)
    graph = model.graph
    if not graph.node:
        raise NetworkError(f"{path} holds no nodes; export the network again, for example with torch.onnx.export")
    if graph.sparse_initializer:
        raise NetworkError(f"{path} has sparse weights; store them as ordinary tensors")
    weights = {tensor.name: tensor for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    for what, values in (("input", inputs), ("output", graph.output)):
        if len(values) != 1:
            names = ", ".join(value.name for value in values) or "none"
            raise NetworkError(f"{path} has {len(values)} {what}s ({names}); export a network with one {what}")
    batch, shape = _input_shape(onnx, path, inputs[0])
    nodes = _needed([_node(onnx, path, proto) for proto in graph.node], graph.output[0].name)
    used = {name for node in nodes for name in node.inputs}
    constants = {name: to_array(onnx, tensor) for name, tensor in weights.items() if name in used}
    return Graph(tuple(nodes), constants, inputs[0].name, shape, batch, graph.output[0].name, opset)


def import_onnx() -> Any:
    """The onnx package. Raises `ConfigurationError` where it isn't installed."""
    try:
        return importlib.import_module("onnx")
    except ImportError as error:
        raise ConfigurationError(
            f"importing networks needs onnx, which isn't installed; run: {install_command('onnx')}"
        ) from error


def to_array(onnx: Any, tensor: Any) -> NDArray[Any]:
    """A stored tensor as an array. Raises `NetworkError` for one whose values don't fit its shape."""
    if tensor.data_location == onnx.TensorProto.EXTERNAL:  # those that may be were read with the file
        raise NetworkError(f"the tensor {tensor.name!r} takes weights from another file; make it an initializer")
    try:
        array: NDArray[Any] = importlib.import_module("onnx.numpy_helper").to_array(tensor)
    except (ValueError, TypeError, KeyError, RuntimeError, MemoryError) as error:
        raise NetworkError(f"the tensor {tensor.name!r} is damaged: {error}; export the network again") from error
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise NetworkError(f"the tensor {tensor.name!r} holds values that aren't finite; train or export again")
    return array


def _load(onnx: Any, path: Path) -> Any:
    broken = importlib.import_module("google.protobuf.message").DecodeError
    if not path.is_file():
        raise ConfigurationError(f"the network is {path}, which isn't a file; give one that torch.onnx.export wrote")
    _check_size(path)
    try:
        model = inlined(onnx.load_model_from_string(path.read_bytes()))
    except (broken, NetworkError, OSError, ValueError, TypeError, RuntimeError) as error:
        raise NetworkError(f"{path} can't be read as ONNX: {error}; export the network again") from error
    _load_external(onnx, path, model)
    return model


def _check_size(path: Path) -> None:
    if (size := path.stat().st_size) >= _LARGEST_FILE:
        raise NetworkError(f"{path} has {size:,} bytes; a network for one ciphertext has far fewer")


def _load_external(onnx: Any, path: Path, model: Any) -> None:
    """Weights that PyTorch stores beside the network, from a plain file of the same folder and nowhere else."""
    helper = importlib.import_module("onnx.external_data_helper")
    for tensor in model.graph.initializer:
        if not helper.uses_external_data(tensor):
            continue
        location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
        fix = "store the weights inside the file: torch.onnx.export(..., external_data=False)"
        if PurePosixPath(location).name != location or not location or "\\" in location:
            raise NetworkError(f"{path} takes weights from {location!r}, outside of its folder; {fix}")
        beside = path.parent / location
        if not beside.exists() or not stat.S_ISREG(beside.lstat().st_mode):
            raise NetworkError(f"{path} takes weights from {beside}, which isn't there or isn't a plain file; {fix}")
        if beside.stat().st_size >= _LARGEST_FILE:
            raise NetworkError(
                f"{beside} has {beside.stat().st_size:,} bytes; a network for one ciphertext has far fewer"
            )
        try:
            helper.load_external_data_for_tensor(tensor, str(path.parent))
            tensor.data_location = onnx.TensorProto.DEFAULT
            del tensor.external_data[:]
        except (onnx.checker.ValidationError, OSError, ValueError, TypeError, RuntimeError, MemoryError) as error:
            raise NetworkError(f"the weights in {beside} can't be read: {error}; {fix}") from error


def _opset(path: Path, model: Any) -> int:
    versions = [entry.version for entry in model.opset_import if entry.domain in _STANDARD_DOMAINS]
    if not versions or versions[0] not in OPSETS:
        opset = f"opset {versions[0]}" if versions else "no opset of ONNX's own"
        raise NetworkError(
            f"{path} has {opset}; Blindsight reads {OPSETS[0]} to {OPSETS[-1]}. Export it with opset_version=17"
        )
    return int(versions[0])


def _input_shape(onnx: Any, path: Path, value: Any) -> tuple[int, tuple[int, ...]]:
    """The batch and the shape of a frame: three dimensions, or two for grey ones without channels."""
    kind = value.type.tensor_type
    if kind.elem_type not in [getattr(onnx.TensorProto, name) for name in _FLOATS]:
        raise NetworkError(f"{path}: the input {value.name!r} must hold floats: frames / 255, float32")
    dimensions = list(kind.shape.dim)
    shape = [int(dimension.dim_value) for dimension in dimensions]
    shape_text = ", ".join(str(dimension.dim_value or dimension.dim_param or "?") for dimension in dimensions)
    if len(shape) not in (3, 4):
        raise NetworkError(
            f"{path}: the input {value.name!r} has shape ({shape_text}); it must be (batch, channels, height, width)"
        )
    if min(shape[1:]) < 1 or shape[0] < 0:
        raise NetworkError(
            f"{path}: the input {value.name!r} has shape ({shape_text}), of which only the batch may be left open; "
            "export with the frames' real size"
        )
    if np.prod(shape[1:], dtype=float) > _MOST_VALUES:
        raise NetworkError(f"{path}: the input {value.name!r} has shape ({shape_text}); use smaller frames")
    return shape[0] or 1, tuple(shape[1:])


def _node(onnx: Any, path: Path, proto: Any) -> Node:
    name = proto.name or f"→ {', '.join(proto.output)}"
    if proto.domain not in _STANDARD_DOMAINS:
        raise NetworkError(
            f"node {name!r} ({proto.domain}.{proto.op_type}) is of a custom domain; "
            "export the network with ONNX's own operators only"
        )
    attributes = {}
    for attribute in proto.attribute:
        value = onnx.helper.get_attribute_value(attribute)
        if isinstance(value, onnx.TensorProto):
            value = to_array(onnx, value)
        attributes[attribute.name] = value.decode(errors="replace") if isinstance(value, bytes) else value
    return Node(name, proto.op_type, tuple(proto.input), tuple(proto.output), attributes, proto)


def _needed(nodes: Sequence[Node], output: str) -> list[Node]:
    """The nodes on which the output depends, in the file's order."""
    wanted, kept = {output}, []
    for node in reversed(nodes):
        if wanted.intersection(node.outputs):
            wanted.update(node.inputs)
            kept.append(node)
    return kept[::-1]
