"""Comparisons of functions of the same value, and what is made of them: truth is 1, and falsehood 0."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from common.plan.layers import Array
from compiler.onnx.draft.bounds import Bounds
from compiler.onnx.draft.pointwise import Step, combined
from compiler.onnx.draft.tensor import Tensor
from compiler.onnx.file.reading import Node
from compiler.onnx.operators.arithmetic import added, of_one_value
from compiler.onnx.scope import Scope, Value

#: Bounds of a truth value.
_TRUTH: Bounds = (0.0, 1.0)

#: Operators that give truth values, by name.
COMPARISONS: dict[str, np.ufunc] = {
    "And": np.logical_and,
    "Equal": np.equal,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Not": np.logical_not,
    "Or": np.logical_or,
    "Xor": np.logical_xor,
}


def compare(scope: Scope, node: Node) -> Tensor:
    """Any of `COMPARISONS`."""
    operation, step = COMPARISONS[node.operator], Step(node.name, node.operator)
    tensor, functions = of_one_value(scope, node, operation.nin)
    return replace(tensor, function=combined(operation, tuple(functions), step, bounds=_TRUTH))


def where(scope: Scope, node: Node) -> Tensor:
    """Where: the second input where the first one is true, and the third elsewhere. A constant mask is exact."""
    truth = scope.value(node, 0)
    if not isinstance(truth, Tensor):
        return _masked(scope, truth != 0, scope.value(node, 1), scope.value(node, 2))
    tensor, functions = of_one_value(scope, node, 3)
    low, high = zip(*(function.bounds for function in functions[1:]), strict=True)
    step = Step(node.name, node.operator)
    return replace(tensor, function=combined(_chosen, tuple(functions), step, bounds=(min(low), max(high))))


def _masked(scope: Scope, truth: NDArray[np.bool_], yes: Value, no: Value) -> Tensor:
    def kept(value: Value, mask: NDArray[np.bool_]) -> Value:
        if isinstance(value, Tensor):
            return scope.draft.affine(value, mask.astype(np.float64), None)
        return np.where(mask, value, 0.0)

    return added(scope, kept(yes, truth), kept(no, ~truth))


def _chosen(truth: Array, yes: Array, no: Array) -> Array:
    return np.where(truth != 0, yes, no)
