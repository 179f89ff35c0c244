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
from common.quoting import shown
from compiler.onnx.file.functions import inlined
from compiler.onnx.file.interface import FrameInput, frame_input, output_of

#: Versions of ONNX's operator set that are read: what changed between them is known where it matters here.
OPSETS = range(7, 29)

#: Bytes of the largest file that is read.
_LARGEST_FILE = 2**31
#: Numbers and texts in all lists of attributes together, at most: each takes 32 bytes and more in a list of Python's.
_MOST_LISTED = 2**24
#: Other outputs of which is known what they are computed from, at most.
_MOST_OTHERS = 8
#: Domains of ONNX's own operators, and that of its operators for scikit-learn's models.
_STANDARD_DOMAINS = ("", "ai.onnx")
_LEARNED_DOMAIN = "ai.onnx.ml"
#: Domain of what onnxruntime makes of a network when it optimises or quantises it.
_RUNTIME_DOMAIN = "com.microsoft"
#: What makes ONNX of the files that other libraries write, by their endings.
_EXPORTS = {
    **dict.fromkeys((".ckpt", ".pt", ".pt2", ".pth"), "torch.onnx.export"),
    **dict.fromkeys((".h5", ".hdf5", ".keras"), 'net.export(..., format="onnx") of Keras'),
    **dict.fromkeys((".joblib", ".pickle", ".pkl"), "skl2onnx.to_onnx"),
}
#: Producers of files that flatten frames with their channels first.
_CHANNELS_FIRST = ("pytorch",)
#: Kind, in NumPy, of element types that it doesn't have itself: bfloat16, and integers of four bits.
_FOREIGN = "V"


@dataclass(frozen=True)
class Node:
    """An operator at its place in the graph, its name fit to be shown; `proto` is its form in the file."""

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

    `channels_first` says in which order its producer flattens the values of a frame. `others` are the tensors that each
    other output is computed from, by its name.
    """

    nodes: tuple[Node, ...]
    constants: dict[str, NDArray[Any]]
    input: FrameInput
    output_name: str
    opset: int
    channels_first: bool
    others: dict[str, frozenset[str]]

    @property
    def batch(self) -> int:
        """The number of frames that the file takes at a time, 1 where it leaves that open."""
        return self.input.batch


def read_graph(path: Path, output_name: str | None = None) -> Graph:
    """Read an ONNX file, up to the output of that name, or to the only one with scores.

    Raises `ConfigurationError` where the onnx package is missing or no output can be told to be the one, and
    `NetworkError` for a file that isn't an ONNX network of a known opset with one input of frames.
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
    given = frame_input(onnx, path, [value for value in graph.input if value.name not in weights])
    computed = _computed(path, graph.node, {given.name, *weights})
    output = output_of(onnx, path, graph.output, computed, output_name)
    protos = _needed(graph.node, output)
    _check_lists(path, protos)
    nodes = [_node(onnx, proto) for proto in protos]
    used = {name for node in nodes for name in node.inputs} | {output}
    constants = {name: to_array(onnx, tensor) for name, tensor in weights.items() if name in used}
    others = {
        value.name: frozenset(name for proto in _needed(graph.node, value.name) for name in proto.output)
        for value in graph.output[:_MOST_OTHERS]
        if value.name != output
    }
    return Graph(tuple(nodes), constants, given, output, opset, model.producer_name in _CHANNELS_FIRST, others)


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
        raise NetworkError(f"the tensor {shown(tensor.name)!r} takes weights from another file; make it an initializer")
    try:
        array: NDArray[Any] = importlib.import_module("onnx.numpy_helper").to_array(tensor)
    except (ValueError, TypeError, KeyError, RuntimeError, MemoryError) as error:
        raise NetworkError(
            f"the tensor {shown(tensor.name)!r} is damaged: {shown(error)}; export the network again"
        ) from error
    array = of_numpy(array)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise NetworkError(f"the tensor {shown(tensor.name)!r} holds values that aren't finite; train or export again")
    return array


def of_numpy(array: NDArray[Any]) -> NDArray[Any]:
    """The same values in a type that NumPy has itself, and so have sums and products with any other."""
    if array.dtype.kind != _FOREIGN:
        return array
    return array.astype(np.int8 if "int" in array.dtype.name else np.float32)


def _load(onnx: Any, path: Path) -> Any:
    broken = importlib.import_module("google.protobuf.message").DecodeError
    if not path.is_file():
        raise ConfigurationError(f"the network is {path}, which isn't a file; give one that torch.onnx.export wrote")
    _check_size(path, path.stat().st_size)
    try:
        model = inlined(onnx.load_model_from_string(path.read_bytes()))
    except (broken, NetworkError, OSError, ValueError, TypeError, RuntimeError) as error:
        export = _EXPORTS.get(path.suffix.lower())
        again = f"export the network with {export}" if export else "export the network again"
        raise NetworkError(f"{path} can't be read as ONNX: {shown(error)}; {again}") from error
    _load_external(onnx, path, model)
    return model


def _check_size(path: Path, size: int) -> None:
    if size >= _LARGEST_FILE:
        raise NetworkError(f"{path} has {size:,} bytes; a network for one ciphertext has far fewer")


def _load_external(onnx: Any, path: Path, model: Any) -> None:
    """Weights that PyTorch stores beside the network, from a plain file of the same folder and nowhere else."""
    helper = importlib.import_module("onnx.external_data_helper")
    total = 0
    for tensor in model.graph.initializer:
        if not helper.uses_external_data(tensor):
            continue
        location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
        fix = "store the weights inside the file: torch.onnx.export(..., external_data=False)"
        if PurePosixPath(location).name != location or not location or "\\" in location:
            raise NetworkError(f"{path} takes weights from {shown(location)!r}, outside of its folder; {fix}")
        beside = path.parent / location
        if not beside.exists() or not stat.S_ISREG(beside.lstat().st_mode):
            raise NetworkError(f"{path} takes weights from {beside}, which isn't there or isn't a plain file; {fix}")
        _check_size(beside, beside.stat().st_size)
        try:
            helper.load_external_data_for_tensor(tensor, str(path.parent))
            tensor.data_location = onnx.TensorProto.DEFAULT
            del tensor.external_data[:]
        except (onnx.checker.ValidationError, OSError, ValueError, TypeError, RuntimeError, MemoryError) as error:
            raise NetworkError(f"the weights in {beside} can't be read: {shown(error)}; {fix}") from error
        total += len(tensor.raw_data)
        _check_size(path, total)  # many tensors may take the same bytes


def _opset(path: Path, model: Any) -> int:
    versions = [entry.version for entry in model.opset_import if entry.domain in _STANDARD_DOMAINS]
    if not versions and any(entry.domain == _LEARNED_DOMAIN for entry in model.opset_import):
        return OPSETS[-1]
    if not versions or versions[0] not in OPSETS:
        opset = f"opset {versions[0]}" if versions else "no opset of ONNX's own"
        raise NetworkError(
            f"{path} has {opset}; Blindsight reads {OPSETS[0]} to {OPSETS[-1]}. Export it with opset_version=17, or "
            "turn it into that: onnx.version_converter.convert_version(onnx.load(FILE), 17)"
        )
    return int(versions[0])


def _computed(path: Path, protos: Sequence[Any], given: set[str]) -> set[str]:
    """The names that nodes give, each once and no input's: else it would depend on their order what a name means."""
    computed: set[str] = set()
    for name in (name for proto in protos for name in proto.output if name):
        if name in computed or name in given:
            raise NetworkError(f"{path} gives the name {shown(name)!r} to two tensors; export the network again")
        computed.add(name)
    return computed


def _check_lists(path: Path, protos: Sequence[Any]) -> None:
    """Raise `NetworkError` where attributes list so much that Python's lists of it would fill the memory."""
    listed = sum(len(each.ints) + len(each.floats) + len(each.strings) for proto in protos for each in proto.attribute)
    if listed > _MOST_LISTED:
        raise NetworkError(f"{path} lists {listed:,} numbers in attributes of nodes; at most {_MOST_LISTED:,} are read")


def _node(onnx: Any, proto: Any) -> Node:
    name, operator = shown(proto.name or f"→ {', '.join(proto.output)}"), shown(proto.op_type)
    if proto.domain == _RUNTIME_DOMAIN:
        raise NetworkError(
            f"node {name!r} ({operator}) is onnxruntime's own: give the file as it was exported, before onnxruntime "
            "optimised it, and quantize with QuantFormat.QDQ"
        )
    if proto.domain not in (*_STANDARD_DOMAINS, _LEARNED_DOMAIN):
        raise NetworkError(
            f"node {name!r} ({shown(proto.domain)}.{operator}) is of a custom domain; "
            "export the network with ONNX's own operators only"
        )
    attributes = {}
    for attribute in proto.attribute:
        if attribute.ref_attr_name:
            raise NetworkError(
                f"node {name!r} ({operator}) takes an argument of a function, but is in none; export again"
            )
        value = onnx.helper.get_attribute_value(attribute)
        if isinstance(value, onnx.TensorProto):
            value = to_array(onnx, value)
        attributes[attribute.name] = value.decode(errors="replace") if isinstance(value, bytes) else value
    return Node(name, operator, tuple(proto.input), tuple(proto.output), attributes, proto)


def _needed(protos: Sequence[Any], output: str) -> list[Any]:
    """The nodes on which the output depends, in the file's order."""
    wanted, kept = {output}, []
    for proto in reversed(protos):
        if wanted.intersection(proto.output):
            wanted.update(proto.input)
            kept.append(proto)
    return kept[::-1]
