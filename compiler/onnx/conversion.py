"""From a graph to a draft: nodes in order, each by the function of its operator."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from common.errors import BlindsightError, NetworkError
from common.pictures.fitting import FrameShape
from common.quoting import shown
from compiler.onnx.constants import FOLDED, fold, shape_of
from compiler.onnx.draft.draft import Item
from compiler.onnx.draft.kinds import OF_LABELS, Counted, Plain, Quantized, kind_of_output
from compiler.onnx.draft.tensor import Tensor
from compiler.onnx.ending import Decision, decide
from compiler.onnx.file.reading import Graph, Node
from compiler.onnx.frames import first_tensor
from compiler.onnx.operators import activations, arithmetic, comparisons, quantised, ranking, scikit, selecting, views
from compiler.onnx.operators.linear import (
    contracting,
    convolution,
    dense,
    joining,
    padding,
    pooling,
    reducing,
    resizing,
)
from compiler.onnx.options import LABELS, ImportOptions
from compiler.onnx.pruning import pruned
from compiler.onnx.refusals import HINTS
from compiler.onnx.scope import Scope, Value

#: Characters that are shown of what is wrong with a node, at most: it may quote what the file lists.
_LONGEST = 2000
#: What converts a node, by its operator: to its first output, or to several.
_OPERATORS: dict[str, Callable[[Scope, Node], Value | tuple[Value, ...]]] = {
    "Add": arithmetic.add,
    "ArgMax": ranking.arg_max,
    "ArgMin": ranking.arg_max,
    "ArrayFeatureExtractor": scikit.extract,
    "AveragePool": pooling.average_pool,
    "BatchNormalization": dense.batch_normalization,
    "Cast": views.unchanged,
    "CastLike": views.cast_like,
    "Concat": joining.concat,
    "Conv": convolution.conv,
    "ConvInteger": quantised.integer_product,
    "ConvTranspose": convolution.conv_transpose,
    "CumSum": reducing.cumulative_sum,
    "DepthToSpace": views.depth_to_space,
    "DequantizeLinear": quantised.dequantize,
    "Div": arithmetic.divide,
    "Dropout": views.unchanged,
    "DynamicQuantizeLinear": quantised.quantize_dynamically,
    "Einsum": contracting.einsum,
    "Expand": views.expand,
    "Flatten": views.flatten,
    "Gather": selecting.gather,
    "GatherElements": selecting.gather_elements,
    "GatherND": selecting.gather_nd,
    "Gemm": dense.gemm,
    "GlobalAveragePool": pooling.global_average_pool,
    "GlobalMaxPool": pooling.global_max_pool,
    "Identity": views.unchanged,
    "LinearClassifier": scikit.classify,
    "LinearRegressor": scikit.regress,
    "LogSoftmax": ranking.softmax,
    "LpNormalization": ranking.normalise,
    "MatMul": dense.matmul,
    "MatMulInteger": quantised.integer_product,
    "Max": arithmetic.extreme,
    "MaxPool": pooling.max_pool,
    "Mean": joining.sum_,
    "Min": arithmetic.extreme,
    "Mul": arithmetic.multiply,
    "Neg": arithmetic.negate,
    "Normalizer": ranking.normalise,
    "PRelu": activations.prelu,
    "Pad": padding.pad,
    "Pow": arithmetic.power,
    "QuantizeLinear": quantised.quantize,
    "Reciprocal": activations.invert,
    "ReduceMax": reducing.reduce_max,
    "ReduceMean": reducing.reduce_mean,
    "ReduceSum": reducing.reduce_sum,
    "ReduceSumSquare": reducing.reduce_sum_square,
    "Reshape": views.reshape,
    "Resize": resizing.resize,
    "Scaler": scikit.scale,
    "Slice": selecting.slice_,
    "Softmax": ranking.softmax,
    "SpaceToDepth": views.space_to_depth,
    "Split": selecting.split,
    "Squeeze": views.squeeze,
    "Sub": arithmetic.subtract,
    "Sum": joining.sum_,
    "Tile": views.tile,
    "Transpose": views.transpose,
    "Trilu": selecting.trilu,
    "Unsqueeze": views.unsqueeze,
    "Upsample": resizing.upsample,
    "Where": comparisons.where,
    "ZipMap": views.unchanged,
    **dict.fromkeys(activations.ACTIVATIONS, activations.activation),
    **dict.fromkeys(comparisons.COMPARISONS, comparisons.compare),
}


@dataclass(frozen=True)
class Draftwork:
    """The items in order, the frames they take (height, width, channels), and the number of scores.

    `left_out` are the operators behind the last layer that can't change the label. `threshold` is where a single score
    becomes the second label, in units of the output; None for several scores. `rounds` says whether the network
    is quantised, and so rounds what depends on the frame, which is left out as well. `limited` are the items that stop
    values at the edges of what a QuantizeLinear node can hold, by its name.
    """

    items: tuple[Item, ...]
    frame_shape: FrameShape
    scores: int
    left_out: tuple[str, ...]
    threshold: float | None
    rounds: bool
    limited: dict[str, int]


def convert(
    graph: Graph, options: ImportOptions, frames: FrameShape | None = None, limiting: frozenset[str] | None = None
) -> Draftwork:
    """Convert a graph whose input is (frames / 255 - mean) / deviation, or the frames' bytes.

    `frames` is the shape of the frames at hand, which a file may leave open. `limiting` are the names of the
    QuantizeLinear nodes at whose edges values stop; None for all. Raises `NetworkError` that names the node and its
    operator where one isn't supported.
    """
    _refuse_unsupported(graph)
    scope = Scope(graph, dict(graph.constants), options.replace_maxpool, limiting)
    mean, deviation = np.array(options.mean), np.array(options.deviation)
    scope.values[graph.input.name], shape = first_tensor(scope.draft, graph, frames, mean, deviation)
    if graph.input.takes_bytes:
        scope.kinds[graph.input.name] = Plain.WHOLE
    for node in graph.nodes:
        try:
            _run(scope, node)
        except (BlindsightError, ValueError, TypeError, LookupError, ArithmeticError, MemoryError) as error:
            raise NetworkError(f"{node}: {shown(error, _LONGEST)}{_another_output(graph, [node])}") from error
    decision = _scores(scope, options)
    count = scope.draft.finish(decision.scores)
    items = pruned(scope.draft.items)
    places = {id(item): place for place, item in enumerate(items)}
    limited = {name: places[id(item)] for name, item in scope.limited.items() if id(item) in places}
    rounds = any(isinstance(kind, Quantized | Counted) for kind in scope.kinds.values())
    return Draftwork(items, shape, count, decision.left_out, decision.threshold, rounds, limited)


def _scores(scope: Scope, options: ImportOptions) -> Decision:
    """The scores, and what was left out behind them; all of the output where its values are asked for."""
    name = scope.graph.output_name
    output, kind = scope.values.get(name), scope.kinds.get(name)
    if not isinstance(output, Tensor):
        raise NetworkError(f"the output {shown(name)!r} doesn't depend on the frame; export the network again")
    if output.batch or output.size != max(output.dimensions, default=1):
        raise NetworkError(
            f"the output {shown(name)!r} has {output.dimensions} for each frame; it must be one score for each label"
        )
    if kind not in (None, Plain.TRUTH, Plain.LABEL):
        raise NetworkError(f"the output {shown(name)!r} holds integers; put DequantizeLinear at the end")
    if options.output == LABELS:
        decision = decide(scope.draft, output, options.threshold)
        label = ("ArgMax",) if kind is Plain.LABEL else ()
        return replace(decision, left_out=(*decision.left_out, *label))
    if kind is Plain.LABEL:
        raise NetworkError(f"the output {shown(name)!r} is a label, not values; name another one: --output-name NAME")
    if output.ranked is not None:
        raise NetworkError(
            f"{output.ranked.node} can't be computed on ciphertexts; name an output before it (--output-name NAME), or "
            "ask for labels, for which it is left out"
        )
    return Decision(output, ())


def supported() -> str:
    """The supported operators, for messages."""
    return ", ".join(sorted(_OPERATORS))


def _run(scope: Scope, node: Node) -> None:
    inputs = [scope.given(node, place) if name else None for place, name in enumerate(node.inputs)]
    if node.operator == "Shape" and isinstance(inputs[0], Tensor):
        scope.values[node.outputs[0]] = shape_of(node, scope.dimensions(inputs[0]))
        return
    constants = [value for value in inputs if not isinstance(value, Tensor)]
    kinds = [scope.kinds.get(name) for name in node.inputs]
    kind = kind_of_output(node, kinds) if any(kinds) or len(constants) < len(inputs) else None
    results: Value | tuple[Value, ...]
    if len(constants) == len(inputs) and node.operator in FOLDED:
        results = folded = fold(node, constants, scope.graph.opset)
        scope.count(folded)
    elif Plain.LABEL in kinds:  # a name for the label, or another form of it
        results = scope.tensor(node, kinds.index(Plain.LABEL))
    elif node.operator in _OPERATORS:
        results = _OPERATORS[node.operator](scope, node)
    else:
        hint = HINTS.get(node.operator, f"supported are: {supported()}")
        raise NetworkError(f"it depends on the frame, which isn't supported; {hint}")
    for name, result in zip(node.outputs, results if isinstance(results, tuple) else (results,), strict=False):
        scope.values[name] = result
        if isinstance(result, Tensor):
            scope.hold(result.places)
        if kind is not None:
            scope.kinds[name] = kind


def _refuse_unsupported(graph: Graph) -> None:
    known = {*_OPERATORS, *FOLDED, *OF_LABELS}
    refused = [node for node in graph.nodes if node.operator not in known]
    if refused:
        hints = {HINTS[node.operator] for node in refused if node.operator in HINTS}
        more = f" and {len(refused) - 5} more" if len(refused) > 5 else ""
        unexplained = any(node.operator not in HINTS for node in refused)
        raise NetworkError(
            f"not supported: {', '.join(map(str, refused[:5]))}{more}"
            f"{''.join(f' ({hint})' for hint in sorted(hints))}"
            f"{f'; supported are: {supported()}' if unexplained else ''}{_another_output(graph, refused)}"
        )


def _another_output(graph: Graph, nodes: Sequence[Node]) -> str:
    """For messages: an output that needs none of these nodes, as the label of naive Bayes needs no probabilities."""
    refused = {name for node in nodes for name in node.outputs}
    spared = next((name for name, tensors in graph.others.items() if refused.isdisjoint(tensors)), None)
    if spared is None:
        return ""
    return f". The output {shown(spared)!r} doesn't need that: --output-name {shlex.quote(shown(spared))}"
