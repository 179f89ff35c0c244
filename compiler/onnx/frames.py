"""How frames enter a network: their shape, and in which order the input takes their values."""

from typing import NamedTuple

import numpy as np

from common.errors import ConfigurationError, NetworkError
from common.pictures.fitting import FrameShape
from common.plan.layers import Array, BatchNorm
from compiler.onnx.draft.draft import Draft
from compiler.onnx.draft.tensor import Tensor
from compiler.onnx.file.reading import Graph, Node
from compiler.onnx.operators.activations import ACTIVATIONS

#: Operators that treat each value by itself.
_POINTWISE = {"Add", "Cast", "Div", "Dropout", "Identity", "Mul", "Neg", "Pow", "Sub", *ACTIVATIONS}
#: The largest value of a byte.
_BYTE = 255.0
#: Orders of channels, height and width: channels first, and last.
_FIRST, _LAST = (0, 1, 2), (1, 2, 0)


def shape_is_open(graph: Graph) -> bool:
    """Whether the file leaves it to the frames what their shape is."""
    return len(graph.input.shape) == 1 or not all(graph.input.shape)


def first_tensor(
    draft: Draft, graph: Graph, frames: FrameShape | None, mean: Array, deviation: Array
) -> tuple[Tensor, FrameShape]:
    """The input, (frames / 255 - mean) / deviation or the frames' bytes, and the frames' shape.

    `frames` is the shape of those at hand, for a file that leaves it open. Raises `NetworkError` where it doesn't fit,
    and `ConfigurationError` for a mean or deviation of bytes.
    """
    (channels, height, width), order, dimensions = _arranged(graph, frames)
    x = draft.start((channels, height, width))
    normalised = bool(mean.any() or np.any(deviation != 1))
    if graph.input.takes_bytes:
        if normalised:
            raise ConfigurationError("the network takes bytes, the frames as they are; leave mean and std out")
        x = draft.affine(x, np.array(_BYTE), None)
    elif normalised:
        x = draft.normalise(_normalisation(mean, deviation, channels), x)
    return x.viewed(x.places.transpose(order).reshape(dimensions)), (height, width, channels)


class _Arrangement(NamedTuple):
    """Our (channels, height, width), the order in which the input has these, and the dimensions of the input."""

    shape: tuple[int, int, int]
    order: tuple[int, int, int]
    dimensions: tuple[int, ...]


def _arranged(graph: Graph, frames: FrameShape | None) -> _Arrangement:
    declared = graph.input.shape
    if not shape_is_open(graph):
        return _declared(graph)
    if frames is None:
        raise NetworkError(f"the input has shape {_text(graph)}; only calibration frames tell what the frames' is")
    height, width, given = frames
    for channels in dict.fromkeys((given, 1, 3)):
        first, last, size = (channels, height, width), (height, width, channels), channels * height * width
        if len(declared) == 1 and declared[0] in (0, size):
            return _Arrangement(first, _FIRST if graph.channels_first else _LAST, (size,))
        if len(declared) == 2 and channels == 1 and _fits(declared, (height, width)):
            return _Arrangement(first, _FIRST, (height, width))
        if len(declared) == 3 and _fits(declared, last) and (_turns_round(graph) or not _fits(declared, first)):
            return _Arrangement(first, _LAST, last)
        if len(declared) == 3 and _fits(declared, first):
            return _Arrangement(first, _FIRST, first)
    raise NetworkError(
        f"the input takes {_text(graph)} for each frame, but the calibration frames are {height}×{width}×{given}, "
        f"{height * width * given} values; give frames that fit"
    )


def _fits(declared: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    return all(wanted in (0, size) for wanted, size in zip(declared, shape, strict=True))


def _text(graph: Graph) -> str:
    sizes = [str(size or "?") for size in graph.input.shape]
    return f"{sizes[0]} values" if len(sizes) == 1 else f"({', '.join(sizes)})"


def _declared(graph: Graph) -> _Arrangement:
    """How the input is arranged, where its whole shape is declared.

    Channels come first, but for Keras, which turns its input round at the start. Where nothing but the
    shape tells, a last dimension of 1 or 3 behind another first one is taken for the channels.
    """
    if len(graph.input.shape) == 2:
        height, width = graph.input.shape
        return _Arrangement((1, height, width), _FIRST, graph.input.shape)
    first, second, third = graph.input.shape
    if _turns_round(graph) or (_only_shape_tells(graph) and third in (1, 3) and first not in (1, 3)):
        return _Arrangement((third, first, second), _LAST, graph.input.shape)
    return _Arrangement((first, second, third), _FIRST, graph.input.shape)


def _first_arranging(graph: Graph) -> list[Node]:
    """The first nodes behind the input that do more than change each value."""
    nodes: list[Node] = []
    reached = {graph.input.name}
    for node in graph.nodes:
        if reached.isdisjoint(node.inputs):
            continue
        if node.operator in _POINTWISE:
            reached.update(node.outputs)
        else:
            nodes.append(node)
    return nodes


def _turns_round(graph: Graph) -> bool:
    nodes = _first_arranging(graph)
    return any(node.operator == "Transpose" and node.attributes.get("perm") == [0, 3, 1, 2] for node in nodes)


def _only_shape_tells(graph: Graph) -> bool:
    arranging = ("Flatten", "Reshape", "Squeeze", "Shape", "Unsqueeze")
    return all(node.operator in arranging for node in _first_arranging(graph))


def _normalisation(mean: Array, deviation: Array, channels: int) -> BatchNorm:
    for name, values in (("mean", mean), ("std", deviation)):
        if len(values) not in (1, channels):
            raise NetworkError(f"{name} has {len(values)} values; give one, or {channels}, one for each channel")
    full = [np.broadcast_to(values, channels).astype(np.float64) for values in (mean, deviation)]
    return BatchNorm(full[0], full[1] ** 2, np.ones(channels), np.zeros(channels), epsilon=0.0)
