"""Constants and the arithmetic of shapes, computed while converting: what PyTorch makes of x.view(x.size(0), -1)."""

import importlib
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import NetworkError
from compiler.onnx.file.reading import Node, import_onnx, of_numpy

#: Operators that may stand between constants.
FOLDED = frozenset(
    (
        "Abs",
        "Add",
        "And",
        "Cast",
        "Ceil",
        "Clip",
        "Concat",
        "Constant",
        "ConstantOfShape",
        "Cos",
        "DequantizeLinear",
        "Div",
        "Equal",
        "Erf",
        "Exp",
        "Expand",
        "Flatten",
        "Floor",
        "Gather",
        "Greater",
        "GreaterOrEqual",
        "Identity",
        "Less",
        "LessOrEqual",
        "Log",
        "Max",
        "Mean",
        "Min",
        "Mod",
        "Mul",
        "Neg",
        "Not",
        "Or",
        "Pow",
        "QuantizeLinear",
        "Range",
        "Reciprocal",
        "ReduceMax",
        "ReduceMean",
        "ReduceMin",
        "ReduceProd",
        "ReduceSum",
        "Relu",
        "Reshape",
        "Round",
        "Shape",
        "Sigmoid",
        "Sign",
        "Sin",
        "Size",
        "Slice",
        "Sqrt",
        "Squeeze",
        "Sub",
        "Sum",
        "Tanh",
        "Transpose",
        "Unsqueeze",
        "Where",
        "Xor",
    )
)

#: Values of one constant, at most: a file of a few bytes could ask for more than the memory holds.
_MOST_VALUES = 2**26
#: The first opset in which the evaluator has an operator, where that operator is older and was the same before.
_EVALUATED_FROM = {"DequantizeLinear": 19}
#: Attributes of a Constant node that hold its value without a tensor.
_VALUE_ATTRIBUTES = ("value_float", "value_floats", "value_int", "value_ints")
#: Kinds, in NumPy, of what is computed with. Texts aren't: Add joins them, and each may be as long as memory lasts.
_NUMBERS = "biuf"


def shape_of(node: Node, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """What Shape gives for a tensor of this shape, batch included."""
    return np.array(shape[node.attributes.get("start", 0) : node.attributes.get("end", len(shape))], dtype=np.int64)


def fold(node: Node, inputs: list[NDArray[Any] | None], opset: int) -> NDArray[Any]:
    """The value of a node whose inputs are all constant. Raises `NetworkError` where there is none."""
    if node.operator == "Constant":
        return _constant(node)
    if node.operator == "Shape" and inputs[0] is not None:
        return shape_of(node, inputs[0].shape)
    onnx = import_onnx()
    _check_numbers(node, [value for value in inputs if value is not None], onnx)
    _bound([value for value in inputs if value is not None], node)
    evaluator = importlib.import_module("onnx.reference").ReferenceEvaluator
    feeds = {name: value for name, value in zip(node.inputs, inputs, strict=True) if value is not None}
    helper = onnx.helper
    values = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        for name, value in feeds.items()
    ]
    graph = helper.make_graph([node.proto], "node", values, [onnx.ValueInfoProto(name=node.outputs[0])])
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", max(opset, _EVALUATED_FROM.get(node.operator, opset)))],
        ir_version=8,
    )
    try:
        with np.errstate(all="ignore"):  # a NaN or an infinity is refused where it would be used
            result = of_numpy(np.asarray(evaluator(model).run(None, feeds)[0]))
    except Exception as error:  # whatever NumPy or the evaluator says of values that don't fit
        raise NetworkError(f"its constants don't fit: {error}") from error
    return result


def _constant(node: Node) -> NDArray[Any]:
    if "value" in node.attributes:
        return np.asarray(node.attributes["value"])
    for name in _VALUE_ATTRIBUTES:
        if name in node.attributes:
            return np.array(node.attributes[name], dtype=np.float32 if "float" in name else np.int64)
    raise NetworkError("it holds no number; export the network with dense constants")


def _check_numbers(node: Node, inputs: list[NDArray[Any]], onnx: Any) -> None:
    to_texts = node.operator == "Cast" and node.attributes.get("to") == onnx.TensorProto.STRING
    if to_texts or any(value.dtype.kind not in _NUMBERS for value in inputs):
        raise NetworkError("it computes with texts or complex numbers; export the network with real numbers only")


def _bound(inputs: list[NDArray[Any]], node: Node) -> None:
    sizes = [value.size for value in inputs]
    if node.operator in ("ConstantOfShape", "Expand"):
        size = float(np.prod(inputs[-1].astype(float))) * (sizes[0] if node.operator == "Expand" else 1)
    elif node.operator == "Range":
        start, limit, step = (float(value.reshape(-1)[0]) for value in inputs)
        size = abs(limit - start) / abs(step) if step else math.inf
    elif node.operator == "Concat":
        size = float(sum(sizes))
    elif node.operator == "Gather":
        size = float(np.prod([float(number) for number in sizes]))
    else:
        try:
            size = float(np.prod([float(number) for number in np.broadcast_shapes(*[v.shape for v in inputs])]))
        except ValueError:
            size = float(sum(sizes))
    if not size <= _MOST_VALUES:  # which NaN isn't either
        raise NetworkError(f"its constant would have up to {size:.0e} values; at most {_MOST_VALUES:,} are allowed")
