"""Operators that change nothing, or nothing that a label depends on."""

from common.errors import NetworkError
from compiler.onnx.reading import Node
from compiler.onnx.scope import Scope
from compiler.onnx.tensor import Tensor

#: ONNX's numbers of the element types FLOAT, FLOAT16, DOUBLE and BFLOAT16.
_FLOAT_TYPES = (1, 10, 11, 16)


def unchanged(scope: Scope, node: Node) -> Tensor:
    """Identity, and Dropout, which does nothing but in training."""
    training = scope.optional(node, 2) if node.operator == "Dropout" else None
    if training is not None and training.any():
        raise NetworkError("it has training_mode = 1; call model.eval() before the export")
    return scope.tensor(node, 0)


def cast(scope: Scope, node: Node) -> Tensor:
    """Cast between kinds of floats."""
    if node.attributes.get("to") not in _FLOAT_TYPES:
        raise NetworkError("it turns values into something else than floats")
    return scope.tensor(node, 0)


def softmax(scope: Scope, node: Node) -> Tensor:
    """Softmax or LogSoftmax as the last operator: left out, since the largest score stays the largest."""
    x = scope.tensor(node, 0)
    axis = node.attributes.get("axis", -1 if scope.graph.opset >= 13 else 1)
    if axis not in (1, -len(x.dimensions)) or x.size != x.dimensions[0]:
        raise NetworkError("it isn't over the labels of each frame; it must have (batch, labels) and axis = 1")
    scope.without_softmax.add(node.outputs[0])
    return x
