"""Operators that keep the order of a frame's scores, and with it the label: Softmax, norms, arg max."""

from dataclasses import replace

import numpy as np

from common.errors import NetworkError
from compiler.onnx.draft.bounds import ANY, Bounds
from compiler.onnx.draft.pointwise import identity
from compiler.onnx.draft.tensor import Ranked, Tensor
from compiler.onnx.file.reading import Node
from compiler.onnx.operators.arithmetic import scaled
from compiler.onnx.scope import Scope

#: Bounds of shares, and of their logarithms.
_SHARES: Bounds = (0.0, 1.0)
_LOGARITHMS: Bounds = (-np.inf, 0.0)


def softmax(scope: Scope, node: Node) -> Tensor:
    """Softmax and LogSoftmax over the labels."""
    x = scope.tensor(node, 0)
    whole = scope.graph.opset < 13  # before, it was over this axis and all behind it
    _require_labels(x, node.attributes.get("axis", 1 if whole else -1), whole)
    return _ranked(x, node, _SHARES if node.operator == "Softmax" else _LOGARITHMS)


def normalise(scope: Scope, node: Node) -> Tensor:
    """LpNormalization, and Normalizer of ai.onnx.ml: scores divided by a norm of theirs, which is positive."""
    x = scope.tensor(node, 0)
    _require_labels(x, node.attributes.get("axis", -1))
    low, _ = x.function.bounds
    if node.attributes.get("norm", "MAX") == "MAX" and node.operator == "Normalizer" and low < 0:
        raise NetworkError("it divides by the largest score, which may be negative; use the norm L1 or L2")
    return _ranked(x, node, _SHARES if low >= 0 else ANY)


def arg_max(scope: Scope, node: Node) -> Tensor:
    """ArgMax over the labels, and ArgMin as that of negated scores: the device takes the largest."""
    x = scope.tensor(node, 0)
    _require_labels(x, node.attributes.get("axis", 0))
    return x if node.operator == "ArgMax" else scaled(x, -1.0)


def _ranked(x: Tensor, node: Node, bounds: Bounds) -> Tensor:
    function = replace(identity(x.shape[0]), bounds=bounds)
    return replace(x, function=function, ranked=Ranked(str(node), node.operator, x.function, x.ranked))


def _require_labels(x: Tensor, axis: int, whole: bool = False) -> None:
    """Raise `NetworkError` unless the axis, or it and `whole` the rest, is over all of a frame's values."""
    rank = len(x.dimensions) + 1
    place = axis + rank if axis < 0 else axis
    behind = x.dimensions[place - 1 :] if whole else x.dimensions[place - 1 : place]
    if not 1 <= place < rank or np.prod(behind) != np.prod(x.dimensions):
        raise NetworkError(
            f"its axis {axis} isn't over the labels of each frame, which has {x.dimensions}; only where it stands "
            "behind the scores, as (batch, labels) with axis = 1, can it be left out"
        )
