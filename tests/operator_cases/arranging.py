"""Operators that say where values stand, and what they are stored as."""

import numpy as np
from onnx import TensorProto, helper

from tests.onnx_graphs import FLAT, node
from tests.operator_cases.case import Case, case, one, weights

_GREY = ("n", 1, 6, 6)


def _reshape(form: str, *target: int) -> Case:
    return case("Reshape", form, node("Reshape", "x target", "h"), FLAT, target=np.array(target))


def _slice(form: str, start: int, end: int, axis: int, step: int) -> Case:
    places = {"start": [start], "end": [end], "axis": [axis], "step": [step]}
    return one("Slice", form, "x start end axis step", **{name: np.array(value) for name, value in places.items()})


_HALVES = node("Split", "x sizes", "a b", axis=1)
_DYNAMIC = node("DynamicQuantizeLinear", "x", "q s z")
#: Weights of a convolution.
_BYTES = np.arange(36, dtype=np.int8).reshape(1, 4, 3, 3)
_SCALE = {"scale": np.float32(0.02), "zero": np.array(3, dtype=np.int8)}

CASES = [
    case(
        "Concat",
        "channels, as in DenseNet",
        node("Conv", "x w", "c", pads=[1] * 4),
        node("Concat", "c x", "h", axis=1),
        FLAT,
        w=weights(2, 4, 3, 3),
    ),
    one("Concat", "height or width", "x x", with_={"axis": 3}),
    case("Concat", "the batch", node("Concat", "x x", "h", axis=0), FLAT, shape=(1, 4, 6, 6)),
    case("Split", "channels, joined again", _HALVES, node("Concat", "b a", "h", axis=1), FLAT, sizes=np.array([1, 3])),
    _slice("channels", 1, 3, 1, 1),
    _slice("height or width, as a crop", 1, 5, 3, 1),
    _slice("with steps, as in shortcuts without weights", 0, 6, 2, 2),
    _slice("backwards, as a mirror", -1, -7, 3, -1),
    one("Gather", "channels, as from RGB to BGR", "x order", order=np.array([2, 1, 0, 3]), with_={"axis": 1}),
    one("Gather", "one row, whose dimension goes", "x order", order=np.array(2), with_={"axis": 2}),
    one(
        "GatherElements",
        "any form",
        "x places",
        places=np.zeros((1, 4, 6, 6), dtype=np.int64),
        with_={"axis": 1},
        shape=(1, 4, 6, 6),
    ),
    case(
        "GatherND",
        "before a batch that comes back, as in uneven adaptive pools",
        node("Transpose", "x", "t", perm=[2, 3, 0, 1]),
        node("GatherND", "t places", "g"),
        node("Transpose", "g", "h", perm=[2, 3, 0, 1]),
        FLAT,
        places=np.array([[[0, 1], [2, 2]], [[5, 0], [3, 1]]]),
    ),
    one("GatherND", "among frames", "x places", places=np.zeros((1, 1), dtype=np.int64), shape=(1, 4, 6, 6)),
    one(
        "ScatterND",
        "any form",
        "x places values",
        places=np.zeros((1, 4), dtype=np.int64),
        values=np.zeros(1),
        shape=(1, 4, 6, 6),
    ),
    one("Tile", "grey to three channels", "x repeats", repeats=np.array([1, 3, 1, 1]), shape=_GREY),
    one("Expand", "grey to three channels", "x target", target=np.array([1, 3, 6, 6]), shape=_GREY),
    one("DepthToSpace", "DCR or CRD", with_={"blocksize": 2, "mode": "CRD"}),
    one("SpaceToDepth", "any form", with_={"blocksize": 2}),
    case("Flatten", "of each frame", node("Flatten", "x")),
    one("Flatten", "axis 2, which mixes frames", with_={"axis": 2}),
    case("Reshape", "of each frame, to features", node("Reshape", "x target"), target=np.array([0, -1])),
    case(
        "Reshape",
        "x.view(x.size(0), -1)",
        node("Shape", "x", "s", end=1),
        node("Concat", "s rest", "t", axis=0),
        node("Reshape", "x t"),
        rest=np.array([144]),
    ),
    _reshape("other dimensions of each frame", -1, 2, 12, 6),
    _reshape("the batch with other dimensions", -1, 6, 6),
    case(
        "Reshape",
        "a shuffle of channels, as in ShuffleNet",
        node("Reshape", "x parts", "p"),
        node("Transpose", "p", "t", perm=[0, 2, 1, 3, 4]),
        node("Reshape", "t whole", "h"),
        FLAT,
        parts=np.array([-1, 2, 2, 6, 6]),
        whole=np.array([-1, 4, 6, 6]),
    ),
    one("Transpose", "channels first to last, and back", with_={"perm": [0, 2, 3, 1]}),
    one("Transpose", "height and width", with_={"perm": [0, 1, 3, 2]}),
    one("Transpose", "the batch", with_={"perm": [1, 0, 2, 3]}),
    case(
        "Squeeze",
        "dimensions of 1",
        node("GlobalAveragePool", "x", "g"),
        node("Squeeze", "g axes"),
        axes=np.array([2, 3]),
    ),
    one("Unsqueeze", "the channel of grey frames", "x axes", axes=np.array([1]), shape=("n", 6, 6)),
    one("Identity", "any form"),
    one("Dropout", "in inference"),
    one("Dropout", "training_mode = 1", "x ratio training", ratio=np.float32(0.5), training=np.array(True)),
    case(
        "Cast",
        "floats to floats",
        node("Cast", "x", "c", to=TensorProto.DOUBLE),
        node("Cast", "c", "h", to=TensorProto.FLOAT),
        FLAT,
    ),
    one("Cast", "floats to integers", with_={"to": TensorProto.INT32}),
    one("CastLike", "floats to floats", "x k", k=np.float32(1)),
    case("Shape", "sizes of each frame", node("Shape", "x", "s"), node("Reshape", "x s", "h"), FLAT),
    case(
        "Constant",
        "any number",
        helper.make_node("Constant", [], ["k"], name="Constant_k", value_float=0.5),
        node("Mul", "x k", "h"),
        FLAT,
    ),
    case(
        "Range",
        "of constants, as an index",
        node("Range", "start limit step", "r"),
        node("Gather", "x r", "h", axis=3),
        FLAT,
        **{name: np.array(value) for name, value in (("start", 4), ("limit", -1), ("step", -2))},
    ),
    case(
        "ConstantOfShape",
        "of constant sizes",
        node("ConstantOfShape", "s", "k"),
        node("Add", "x k", "h"),
        FLAT,
        s=np.array([4, 1, 1]),
    ),
    case(
        "DequantizeLinear",
        "weights",
        node("DequantizeLinear", "w scale zero", "v"),
        node("Conv", "x v", "h"),
        FLAT,
        w=_BYTES,
        **_SCALE,
    ),
    case(
        "QuantizeLinear",
        "values of the frame, without their rounding",
        node("QuantizeLinear", "x scale zero", "q"),
        node("DequantizeLinear", "q scale zero", "h"),
        FLAT,
        error=0.01,
        **_SCALE,
    ),
    case(
        "DynamicQuantizeLinear",
        "any form",
        _DYNAMIC,
        node("DequantizeLinear", "q s z", "h"),
        FLAT,
    ),
    one(
        "QLinearConv",
        "any form",
        "x scale zero w scale zero scale zero",
        w=np.ones((1, 4, 3, 3), dtype=np.int8),
        **_SCALE,
    ),
    case(
        "ConvInteger",
        "behind DynamicQuantizeLinear, without its rounding",
        _DYNAMIC,
        node("ConvInteger", "q w z", "c"),
        node("Cast", "c", "d", to=TensorProto.FLOAT),
        node("Mul", "d s", "h"),
        FLAT,
        error=2e-3,
        w=_BYTES,
    ),
    one("Trilu", "any form"),
]
