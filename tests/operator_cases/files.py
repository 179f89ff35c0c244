"""Element types, inputs and versions of the operator set, whatever the operators are."""

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from tests.onnx_graphs import FLAT, node
from tests.operator_cases.case import EXACT, Case, case, weights

_NODES = [node("Conv", "x w", "c"), node("Mul", "c c", "h"), FLAT]
_DENSE = [node("MatMul", "x w", "m"), node("Add", "m b")]
_W = weights(4, 4, 3, 3)
#: Versions of the operator set, from that of 2017 on.
_OPSETS = range(7, 26)
#: The operator set whose Cast and MatMul take all of these types.
_TYPES = 19


def _opset(version: int) -> Case:
    return case("operator set", str(version), *_NODES, w=_W, opset=version)


def _input(form: str, shape: tuple[int | str, ...], *nodes: NodeProto, **rest: object) -> Case:
    return case("input", form, *(nodes or [node("Flatten", "x")]), shape=shape, **rest)


def _weights_of(form: str, kind: int) -> Case:
    """Weights of another type, cast to float32 where they are used."""
    stored = _W.astype(helper.tensor_dtype_to_np_dtype(kind))
    constant = helper.make_node("Constant", [], ["v"], name="Constant_v", value=numpy_helper.from_array(stored))
    cast = node("Cast", "v", "w", to=TensorProto.FLOAT)
    return case("element type", form, constant, cast, node("Conv", "x w", "h"), FLAT, opset=_TYPES)


def _throughout(form: str, kind: int) -> Case:
    """Input, weights and output of another type."""
    stored = weights(36, 3).astype(helper.tensor_dtype_to_np_dtype(kind))
    constant = helper.make_node("Constant", [], ["w"], name="Constant_w", value=numpy_helper.from_array(stored))
    nodes = [constant, node("Flatten", "x", "f"), node("MatMul", "f w")]
    error = 5e-3 if kind == TensorProto.FLOAT16 else EXACT  # onnxruntime then computes with 11 bits
    return Case("element type", form, nodes, shape=("n", 1, 6, 6), opset=_TYPES, kind=kind, error=error)


def _integers(form: str, kind: int) -> Case:
    """Frames from 0 to 255, divided inside."""
    nodes = [node("Cast", "x", "c", to=TensorProto.FLOAT), node("Div", "c most", "d"), node("Conv", "d w", "h"), FLAT]
    return Case("input", form, nodes, {"most": np.float32(255), "w": _W}, kind=kind)


CASES = [
    *map(_opset, _OPSETS),
    _weights_of("weights in float16", TensorProto.FLOAT16),
    _weights_of("weights in bfloat16", TensorProto.BFLOAT16),
    _weights_of("weights in float64", TensorProto.DOUBLE),
    _weights_of("weights in int8", TensorProto.INT8),
    _throughout("float64 throughout", TensorProto.DOUBLE),
    _throughout("float16 throughout", TensorProto.FLOAT16),
    _input("(batch, channels, height, width)", ("n", 3, 6, 6)),
    _input(
        "(batch, height, width, channels), as Keras has it",
        ("n", 6, 6, 3),
        node("Transpose", "x", "t", perm=[0, 3, 1, 2]),
        node("Conv", "t w", "h"),
        FLAT,
        w=weights(2, 3, 3, 3),
    ),
    _input("(batch, height, width)", ("n", 6, 6)),
    _input("(batch, features)", ("n", 36), *_DENSE, w=weights(36, 3), b=np.arange(3.0), frame=(6, 6, 1)),
    _input("a batch of fixed size", (8, 3, 6, 6)),
    _integers("integers from 0 to 255, divided inside", TensorProto.UINT8),
    _input("height and width left open", ("n", 3, "h", "w"), frame=(6, 6, 3)),
]
