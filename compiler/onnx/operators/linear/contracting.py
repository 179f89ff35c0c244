"""Sums of products over any dimensions: Einsum, and MatMul beyond features by weights.

With a constant it is a sparse matrix. Two values that depend on the frame are multiplied first.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import NetworkError
from common.plan.layers import Array
from compiler.onnx.draft.pointwise import Step
from compiler.onnx.draft.sparse import Term
from compiler.onnx.draft.tensor import Tensor, require_room
from compiler.onnx.file.reading import Node
from compiler.onnx.operators.arithmetic import product
from compiler.onnx.scope import Scope, Value

#: Labels of dimensions that matrices have before their rows and columns.
_LEADING = "abcdefgh"


def einsum(scope: Scope, node: Node) -> Tensor:
    """Einsum of one or two values that depend on the frame, and of constants."""
    equation = str(node.attributes.get("equation", "")).replace(" ", "")
    given, arrow, output = equation.partition("->")
    values = [scope.value(node, place) for place in range(len(node.inputs))]
    labels = given.split(",")
    if not arrow or "." in equation or len(labels) != len(values):
        raise NetworkError(f"its equation {equation!r} must name each dimension of its {len(values)} inputs and output")
    batches = {each[:1] for each, value in zip(labels, values, strict=True) if isinstance(value, Tensor)}
    batch = output[:1]
    operands = [(value, each[isinstance(value, Tensor) :]) for value, each in zip(values, labels, strict=True)]
    if batches != {batch} or any(batch in each for each in (output[1:], *(each for _, each in operands))):
        raise NetworkError(f"its equation {equation!r} mixes frames; the batch must be first in what depends on frames")
    return _contracted(scope, operands, output[1:], Step(node.name, node.operator))


def matrices(scope: Scope, node: Node, first: Value, second: Value) -> Tensor:
    """MatMul of tensors of two dimensions or more besides the batch, by each other or by weights."""
    operands = [value if isinstance(value, Tensor) else _of_all_frames(value) for value in (first, second)]
    ranks = [len(value.dimensions) if isinstance(value, Tensor) else value.ndim for value in operands]
    tensors = [rank for value, rank in zip(operands, ranks, strict=True) if isinstance(value, Tensor)]
    if min(ranks) < 2 or max(ranks) > min(tensors) or max(ranks) - 2 > len(_LEADING):
        shapes = [scope.dimensions(value) if isinstance(value, Tensor) else value.shape for value in (first, second)]
        raise NetworkError(
            f"it multiplies {shapes[0]} by {shapes[1]}, which mixes frames; keep the batch first in both"
        )
    leading = _LEADING[: max(ranks) - 2]
    behind = [leading[len(leading) - rank + 2 :] for rank in ranks]
    labelled = [(operands[0], f"{behind[0]}yz"), (operands[1], f"{behind[1]}zx")]
    return _contracted(scope, labelled, f"{leading}yx", Step(node.name, node.operator))


def _contracted(scope: Scope, operands: Sequence[tuple[Value, str]], output: str, step: Step) -> Tensor:
    """The sum over all labels that `output` lacks; operands have a label for each dimension without the batch."""
    sizes = _sizes(operands)
    if len(set(output)) != len(output) or not set(output) <= set(sizes):
        raise NetworkError(
            f"its output {output!r} must have each of the inputs' dimensions {''.join(sizes)!r} once at most"
        )
    order = output + "".join(label for label in sizes if label not in output)
    full = tuple(sizes[label] for label in order)
    require_room(full)
    scope.draft.require_room(float(np.prod(full)))
    tensors = [
        value.viewed(_spread(value.places, labels, order, full))
        for value, labels in operands
        if isinstance(value, Tensor)
    ]
    values = np.ones(full)
    for value, labels in operands:
        if not isinstance(value, Tensor):
            values = values * _spread(np.asarray(value, dtype=np.float64), labels, order, full)
    total = tensors[0]
    for other in tensors[1:]:
        total = product(scope, total, other, step)
    dimensions = tuple(sizes[label] for label in output)
    rows = np.arange(int(np.prod(dimensions))).reshape(*dimensions, *(1,) * (len(full) - len(output)))
    every = np.arange(total.size)
    return scope.draft.linear(
        [Term(total, np.broadcast_to(rows, full).reshape(-1), every, values.reshape(-1))], dimensions
    )


def _sizes(operands: Sequence[tuple[Value, str]]) -> dict[str, int]:
    """The size of each label's dimension; 1 is broadcast."""
    sizes: dict[str, int] = {}
    for value, labels in operands:
        shape = value.dimensions if isinstance(value, Tensor) else value.shape
        if len(labels) != len(shape) or len(set(labels)) != len(labels):
            raise NetworkError(f"{labels!r} doesn't name each of {shape} once")
        for label, size in zip(labels, shape, strict=True):
            known = sizes.setdefault(label, size)
            if 1 not in (known, size) and known != size:
                raise NetworkError(f"weights for {size} features meet {known}")
            sizes[label] = max(known, size)
    return sizes


def _spread(array: NDArray[Any], labels: str, order: str, full: tuple[int, ...]) -> NDArray[Any]:
    """An array with a dimension for each label of `order`."""
    turned = array.transpose([labels.index(label) for label in order if label in labels])
    sizes = iter(turned.shape)
    return np.broadcast_to(turned.reshape([next(sizes) if label in labels else 1 for label in order]), full)


def _of_all_frames(values: NDArray[Any]) -> Array:
    """Weights without dimensions of 1 before them, which may stand for the batch."""
    weights: Array = np.asarray(values, dtype=np.float64)
    while weights.ndim > 2 and weights.shape[0] == 1:
        weights = weights[0]
    return weights
