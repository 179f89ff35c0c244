"""What follows the scores. The largest score decides, so an increasing function of all of them can be left out."""

import numpy as np
from onnx import NodeProto

from tests.onnx_graphs import node
from tests.operator_cases.case import Case, case, weights

_SCORES = [node("Flatten", "x", "f"), node("Gemm", "f w b", "s")]
#: Scores apart from one another, so that float32 keeps their order.
_WEIGHTS = {"w": weights(144, 5), "b": np.arange(5.0) / 10}


def _last(operator: str, form: str, *nodes: NodeProto, opset: int = 17, **constants: object) -> Case:
    """Nodes from "s", the scores (batch, 5), to "y"."""
    return case(operator, form, *_SCORES, *nodes, opset=opset, **_WEIGHTS, **constants)


CASES = [
    _last("Softmax", "last", node("Softmax", "s")),
    _last(
        "Softmax",
        "with a factor behind it, as per cent",
        node("Softmax", "s", "p"),
        node("Mul", "p k"),
        k=np.float32(100),
    ),
    case(
        "Softmax",
        "over channels, with Flatten behind it",
        node("GlobalAveragePool", "x", "g"),
        node("Conv", "g v", "c"),
        node("Softmax", "c", "p", axis=1),
        node("Flatten", "p"),
        v=weights(5, 4, 1, 1),
    ),
    case(
        "Softmax",
        "in the middle, as in attention",
        node("Flatten", "x", "f"),
        node("Softmax", "f", "p"),
        node("Gemm", "p w b"),
        **_WEIGHTS,
    ),
    _last("LogSoftmax", "last", node("LogSoftmax", "s")),
    _last("Sigmoid", "last", node("Sigmoid", "s")),
    _last("Tanh", "last", node("Tanh", "s")),
    _last("Softsign", "last", node("Softsign", "s")),
    _last("Exp", "last", node("Exp", "s")),
    _last("Hardmax", "last", node("Hardmax", "s")),
    _last("ArgMax", "last", node("ArgMax", "s", axis=1, keepdims=0)),
    _last("ArgMin", "last", node("ArgMin", "s", axis=1, keepdims=0)),
    _last("TopK", "last", node("TopK", "s k", "y places"), k=np.array([3])),
    _last(
        "OneHot",
        "of ArgMax",
        node("ArgMax", "s", "a", axis=1, keepdims=0),
        node("OneHot", "a depth values"),
        depth=np.array(5),
        values=np.array([0.0, 1.0]),
    ),
]
