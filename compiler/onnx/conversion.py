"""From a graph to a draft: nodes in order, each by the function of its operator."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from common.errors import NetworkError
from common.plan.layers import Array, BatchNorm
from compiler.onnx import arithmetic_operators as arithmetic
from compiler.onnx import shape_operators as shaping
from compiler.onnx.constants import FOLDED, fold, shape_of
from compiler.onnx.draft import Item
from compiler.onnx.max_pooling import Replacement
from compiler.onnx.operators import convolution, dense, joining, padding, pooling, resizing, views
from compiler.onnx.reading import Graph, Node
from compiler.onnx.scope import Scope
from compiler.onnx.tensor import Tensor

#: What converts a node, by its operator; a tuple of tensors where it has several outputs.
_OPERATORS: dict[str, Callable[[Scope, Node], Tensor | tuple[Tensor, ...]]] = {
    "Add": arithmetic.add,
    "AveragePool": pooling.average_pool,
    "BatchNormalization": dense.batch_normalization,
    "Cast": shaping.cast,
    "Concat": joining.concat,
    "Conv": convolution.conv,
    "ConvTranspose": convolution.conv_transpose,
    "DepthToSpace": views.depth_to_space,
    "Div": arithmetic.divide,
    "Dropout": shaping.unchanged,
    "Expand": views.expand,
    "Flatten": views.flatten,
    "Gather": views.gather,
    "Gemm": dense.gemm,
    "GlobalAveragePool": pooling.global_average_pool,
    "GlobalMaxPool": pooling.global_max_pool,
    "Identity": shaping.unchanged,
    "LogSoftmax": shaping.softmax,
    "MatMul": dense.matmul,
    "MaxPool": pooling.max_pool,
    "Mul": arithmetic.multiply,
    "Neg": arithmetic.negate,
    "Pad": padding.pad,
    "Pow": arithmetic.power,
    "ReduceMean": pooling.reduce_mean,
    "ReduceSum": pooling.reduce_sum,
    "Reshape": views.reshape,
    "Resize": resizing.resize,
    "Slice": views.slice_,
    "Softmax": shaping.softmax,
    "SpaceToDepth": views.space_to_depth,
    "Split": views.split,
    "Squeeze": views.squeeze,
    "Sub": arithmetic.subtract,
    "Sum": joining.sum_,
    "Tile": views.tile,
    "Transpose": views.transpose,
    "Unsqueeze": views.unsqueeze,
    "Upsample": resizing.upsample,
    **dict.fromkeys(arithmetic.ACTIVATIONS, arithmetic.activation),
}

#: What to do instead, for operators that ciphertexts can't take.
_HINTS = {
    **dict.fromkeys(
        ("GroupNormalization", "InstanceNormalization", "LRN", "LayerNormalization", "LpNormalization"),
        "it divides by what each frame's own values are, which can't be done on ciphertexts: train with "
        "BatchNormalization instead, which divides by constants",
    ),
    "ArgMax": "end the network at its scores; the device takes the largest",
}
#: Operators that may follow a final Softmax, which is left out since it changes no label.
_AFTER_SOFTMAX = ("Cast", "Identity")
#: Operators that treat each value by itself.
_POINTWISE = {"Add", "Cast", "Div", "Dropout", "Identity", "Mul", "Neg", "Pow", "Sub", *arithmetic.ACTIVATIONS}


@dataclass(frozen=True)
class Draftwork:
    """The items in order, the frames they take (height, width, channels), and the number of scores."""

    items: tuple[Item, ...]
    frame_shape: tuple[int, int, int]
    scores: int
    softmax_left_out: bool


def convert(graph: Graph, mean: Array, deviation: Array, replace_maxpool: Replacement | None = None) -> Draftwork:
    """Convert a graph whose input is (frames / 255 - mean) / deviation, both (1,) or (channels,).

    Raises `NetworkError` that names the node and its operator where one isn't supported.
    """
    _refuse_unsupported(graph)
    scope = Scope(graph, dict(graph.constants), replace_maxpool)
    x = _start(scope)
    if mean.any() or np.any(deviation != 1):
        x = scope.draft.normalise(_normalisation(mean, deviation, x.shape[0]), x)
    scope.values[graph.input_name] = x
    for node in graph.nodes:
        try:
            _run(scope, node)
        except (NetworkError, ValueError, TypeError, LookupError, ArithmeticError, MemoryError) as error:
            raise NetworkError(f"{node}: {error}") from error
    output = scope.values.get(graph.output_name)
    if not isinstance(output, Tensor):
        raise NetworkError(f"the output {graph.output_name!r} doesn't depend on the frame; export the network again")
    if output.size != max(output.dimensions, default=1):
        raise NetworkError(
            f"the output {graph.output_name!r} has {output.dimensions} for each frame; "
            "it must be one score for each label"
        )
    scores = scope.draft.finish(output)
    return Draftwork(
        tuple(scope.draft.items), (x.shape[1], x.shape[2], x.shape[0]), scores, bool(scope.without_softmax)
    )


def supported() -> str:
    """The supported operators, for messages."""
    return ", ".join(sorted(_OPERATORS))


def _run(scope: Scope, node: Node) -> None:
    if scope.without_softmax.intersection(node.inputs):
        if node.operator not in _AFTER_SOFTMAX:
            raise NetworkError("it comes after Softmax, which may only be the last operator")
        scope.without_softmax.add(node.outputs[0])
    inputs = [scope.value(node, place) if name else None for place, name in enumerate(node.inputs)]
    if node.operator == "Shape" and isinstance(inputs[0], Tensor):
        scope.values[node.outputs[0]] = shape_of(node, scope.dimensions(inputs[0]))
        return
    constants = [value for value in inputs if not isinstance(value, Tensor)]
    if len(constants) == len(inputs) and node.operator in FOLDED:
        scope.values[node.outputs[0]] = folded = fold(node, constants, scope.graph.opset)
        scope.count(folded)
    elif node.operator in _OPERATORS:
        made = _OPERATORS[node.operator](scope, node)
        for name, tensor in zip(node.outputs, made if isinstance(made, tuple) else (made,), strict=False):
            scope.values[name] = tensor
            if tensor.places.base is None:
                scope.count(tensor.places)
    else:
        raise NetworkError(f"it depends on the frame, which isn't supported; supported are: {supported()}")


def _refuse_unsupported(graph: Graph) -> None:
    refused = [node for node in graph.nodes if node.operator not in _OPERATORS and node.operator not in FOLDED]
    if refused:
        hints = {_HINTS[node.operator] for node in refused if node.operator in _HINTS}
        more = f" and {len(refused) - 5} more" if len(refused) > 5 else ""
        raise NetworkError(
            f"not supported: {', '.join(map(str, refused[:5]))}{more}"
            f"{''.join(f' ({hint})' for hint in sorted(hints))}; supported are: {supported()}"
        )


def _start(scope: Scope) -> Tensor:
    """The input, as places of (channels, height, width).

    Channels come first, but for Keras, which turns its input round at the start. Where nothing but the
    shape tells, a last dimension of 1 or 3 behind another first one is taken for the channels.
    """
    graph = scope.graph
    if len(graph.input_shape) == 2:
        return scope.draft.start((1, *graph.input_shape)).reshaped(graph.input_shape)
    first, second, third = graph.input_shape
    if _turns_round(graph) or (_only_shape_tells(graph) and third in (1, 3) and first not in (1, 3)):
        x = scope.draft.start((third, first, second))
        return x.viewed(np.moveaxis(x.places, 0, -1))
    return scope.draft.start((first, second, third))


def _first_arranging(graph: Graph) -> list[Node]:
    """The first nodes behind the input that do more than change each value."""
    nodes: list[Node] = []
    names = [graph.input_name]
    for name in names:
        for node in graph.consumers(name):
            if node.operator in _POINTWISE:
                names.extend(output for output in node.outputs if output not in names)
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
