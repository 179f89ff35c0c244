"""Comparisons of functions of the same value, and what is made of them: truth is 1, and falsehood 0."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from common.plan.layers import Array
from compiler.onnx.bounds import Bounds
from compiler.onnx.operators.arithmetic import of_one_value
from compiler.onnx.pointwise import Step, combined
from compiler.onnx.reading import Node
from compiler.onnx.scope import Scope
from compiler.onnx.tensor import Tensor

#: Bounds of a truth value.
_TRUTH: Bounds = (0.0, 1.0)

#: Operators that give truth values, by name.
COMPARISONS: dict[str, Callable[..., Any]] = {
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
    tensor, functions = of_one_value(scope, node)
    operation, step = COMPARISONS[node.operator], Step(node.name, node.operator)
    return replace(tensor, function=combined(operation, tuple(functions), step, bounds=_TRUTH))


def where(scope: Scope, node: Node) -> Tensor:
    """Where: the second input where the first one is true, and the third elsewhere."""
    tensor, functions = of_one_value(scope, node)
    low, high = zip(*(function.bounds for function in functions[1:]), strict=True)
    step = Step(node.name, node.operator)
    return replace(tensor, function=combined(_chosen, tuple(functions), step, bounds=(min(low), max(high))))


def _chosen(truth: Array, yes: Array, no: Array) -> Array:
    return np.where(truth != 0, yes, no)
