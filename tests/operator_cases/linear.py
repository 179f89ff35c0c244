"""Convolutions, pooling, dense layers, sums and means: all that is linear, and normalisation that isn't."""

import numpy as np

from tests.onnx_graphs import FLAT, node
from tests.operator_cases.case import Case, case, one, weights

_HALF = np.full(4, 0.5)
_STATISTICS = {"gamma": _HALF, "beta": np.arange(4.0), "mean": _HALF, "variance": np.arange(1.0, 5.0)}
_W = weights(4, 4, 3, 3)
#: Scales of a doubled height and width.
_DOUBLED = np.array([1, 1, 2, 2], dtype=np.float32)


def _conv(form: str, w: object = _W, **attributes: object) -> Case:
    return one("Conv", form, "x w", w=w, with_=attributes)


def _pool(form: str, operator: str = "AveragePool", **attributes: object) -> Case:
    return one(operator, form, with_={"kernel_shape": [2, 2], **attributes})


def _reduce(operator: str, form: str, *axes: int, opset: int = 18) -> Case:
    return one(operator, form, "x axes", axes=np.array(axes), opset=opset)


def _pad(form: str, mode: str, value: float = 0.0, pads: tuple[int, ...] = (0, 0, 1, 1, 0, 0, 1, 2)) -> Case:
    return one("Pad", form, "x pads value", pads=np.array(pads), value=np.float32(value), with_={"mode": mode})


def _resize(form: str, **attributes: object) -> Case:
    return one("Resize", form, "x none scales", none=np.zeros(0), scales=_DOUBLED, with_=attributes)


CASES = [
    _conv("strides, padding", strides=[2, 1], pads=[1, 0, 1, 2]),
    _conv("groups, depthwise", weights(4, 1, 3, 3), group=4),
    _conv("dilations", dilations=[2, 2]),
    _conv("auto_pad", auto_pad="SAME_UPPER", strides=[2, 2]),
    one("Conv", "filters that depend on the frame", "x x"),
    one("ConvTranspose", "strides, padding", "x w", w=_W, with_={"strides": [2, 2], "pads": [1, 1, 1, 1]}),
    one(
        "ConvTranspose",
        "groups, output_padding",
        "x w",
        w=weights(4, 2, 2, 2),
        with_={"group": 2, "strides": [2, 2], "output_padding": [1, 0]},
    ),
    one("DeformConv", "offsets from the frame", "x w x", w=weights(4, 4, 1, 1), opset=19),
    _pool("strides", strides=[2, 2]),
    _pool("padding, counted or not", pads=[1, 0, 0, 1]),
    _pool("auto_pad", auto_pad="SAME_UPPER"),
    _pool("ceil_mode, windows over the edge", strides=[3, 3], kernel_shape=[2, 2], ceil_mode=1),
    one("AveragePool", "dilations", with_={"kernel_shape": [2, 2], "dilations": [2, 2]}, opset=19),
    one("GlobalAveragePool", "over height and width"),
    _pool("any form", "MaxPool", strides=[2, 2]),
    one("GlobalMaxPool", "any form"),
    _pool("any form", "LpPool", p=2),
    one("GlobalLpPool", "any form"),
    one("BatchNormalization", "behind any layer", "x gamma beta mean variance", **_STATISTICS),
    one(
        "BatchNormalization",
        "training_mode = 1",
        "x gamma beta mean variance",
        **_STATISTICS,
        with_={"training_mode": 1},
    ),
    one("InstanceNormalization", "any form", "x gamma beta", gamma=_HALF, beta=_HALF),
    one("GroupNormalization", "any form", "x gamma beta", gamma=_HALF, beta=_HALF, opset=21, with_={"num_groups": 2}),
    one("LayerNormalization", "any form", "x gamma", gamma=np.ones(6)),
    one("LpNormalization", "any form", with_={"axis": 1}),
    one("MeanVarianceNormalization", "any form"),
    one("LRN", "any form", with_={"size": 3}),
    case(
        "Gemm",
        "transB, alpha, beta, bias",
        node("Flatten", "x", "f"),
        node("Gemm", "f w b", transB=1, alpha=0.5, beta=2.0),
        w=weights(5, 144),
        b=np.arange(5.0),
    ),
    case(
        "Gemm", "transA, which mixes frames", node("Flatten", "x", "f"), node("Gemm", "f w", transA=1), w=weights(1, 5)
    ),
    case("MatMul", "features by weights", node("Flatten", "x", "f"), node("MatMul", "f w"), w=weights(144, 5)),
    one("MatMul", "the last dimension by weights", "x w", w=weights(6, 5)),
    case("MatMul", "weights by the frame", node("MatMul", "w x", "h"), FLAT, w=weights(5, 6)),
    one("MatMul", "two values that depend on the frame", "x x"),
    one("Einsum", "any form", "x w", w=weights(4, 4), with_={"equation": "nchw,dc->ndhw"}),
    _reduce("ReduceMean", "height and width", 2, 3),
    _reduce("ReduceMean", "channels", 1),
    _reduce("ReduceMean", "one of height and width", 3),
    _reduce("ReduceSum", "height and width", 2, 3),
    _reduce("ReduceSum", "channels", 1),
    _reduce("ReduceSumSquare", "any form", 2, 3),
    _reduce("ReduceL1", "any form", 2, 3),
    _reduce("ReduceL2", "any form", 2, 3),
    _reduce("ReduceLogSumExp", "any form", 1),
    _reduce("ReduceMax", "height and width", 2, 3),
    _reduce("ReduceMax", "channels", 1),
    _reduce("ReduceMin", "any form", 2, 3),
    _reduce("ReduceProd", "any form", 1),
    one("CumSum", "any form", "x axis", axis=np.array(2)),
    _pad("zeros", "constant"),
    _pad("another constant", "constant", 0.5),
    _pad("reflect", "reflect"),
    _pad("edge", "edge"),
    _pad("negative, which crops", "constant", pads=(0, 0, -1, 0, 0, 0, 0, -2)),
    _pad("channels, as in shortcuts without weights", "constant", pads=(0, 1, 0, 0, 0, 1, 0, 0)),
    _pad("the batch", "constant", pads=(1, 0, 0, 0, 0, 0, 0, 0)),
    _resize(
        "nearest, by whole factors", mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
    ),
    _resize("linear", mode="linear"),
    _resize("cubic", mode="cubic"),
    one("Upsample", "nearest, until opset 9", "x scales", scales=_DOUBLED, opset=9, with_={"mode": "nearest"}),
    one("GridSample", "any form", "x grid", grid=np.zeros((1, 6, 6, 2)), opset=20, shape=(1, 4, 6, 6)),
]
