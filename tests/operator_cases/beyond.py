"""Operators of other networks, and of other software."""

import numpy as np
from onnx import TensorProto, helper

from tests.onnx_graphs import FLAT, node
from tests.operator_cases.case import Case, case, one, weights

#: Rows of a frame as a sequence: (batch, 6 steps, 6 features).
_SEQUENCE = ("n", 6, 6)


def _recurrent(operator: str, gates: int) -> Case:
    constants = {"w": weights(1, gates * 3, 6), "r": weights(1, gates * 3, 3)}
    return one(operator, "any form", "x w r", with_={"hidden_size": 3}, shape=_SEQUENCE, **constants)


def _branch(name: str, operator: str) -> object:
    output = helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
    return helper.make_graph([helper.make_node(operator, ["x"], [name])], name, [], [output])


def _if(form: str, condition: str, **constants: object) -> Case:
    chosen = helper.make_node(
        "If",
        [condition],
        ["h"],
        name="If_h",
        then_branch=_branch("then", "Identity"),
        else_branch=_branch("other", "Neg"),
    )
    nodes = [node("ReduceMax", "x", "m", keepdims=0), node("Less", "m k", "b")] if condition == "b" else []
    return case("If", form, *nodes, chosen, FLAT, **constants)


CASES = [
    _recurrent("LSTM", 4),
    _recurrent("GRU", 3),
    _recurrent("RNN", 1),
    one("Attention", "any form", "x x x", opset=23, shape=_SEQUENCE, with_={"q_num_heads": 2, "kv_num_heads": 2}),
    one("RotaryEmbedding", "any form", "x k k", opset=23, k=np.ones((1, 6, 3)), shape=("n", 2, 6, 6)),
    one("RMSNormalization", "any form", "x k", opset=23, k=np.ones(6)),
    one("NonMaxSuppression", "any form", "x x", shape=("n", 6, 4)),
    one("RoiAlign", "any form", "x rois batch", rois=np.ones((1, 4)), batch=np.zeros(1, dtype=np.int64)),
    _if("a constant condition", "yes", yes=np.array(True)),
    _if("a condition that depends on the frame", "b", k=np.float32(0.5)),
]
