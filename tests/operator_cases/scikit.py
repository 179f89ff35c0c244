"""Operators of the domain ai.onnx.ml, as skl2onnx writes what scikit-learn fitted."""

from functools import partial
from typing import Any

import numpy as np

from tests.onnx_graphs import node
from tests.operator_cases.case import ANY, Case, case, weights

#: A frame's 36 values as features.
_FEATURES: dict[str, Any] = {"shape": ("n", 36), "frame": (6, 6, 1)}
_ml = partial(node, domain="ai.onnx.ml")
_LABELS = [0, 1, 2]
_LINEAR = {"coefficients": weights(3, 36).reshape(-1).tolist(), "intercepts": [0.1, 0.0, -0.1]}
#: A tree of one comparison, with two leaves.
_TREE = {
    "nodes_treeids": [0, 0, 0],
    "nodes_nodeids": [0, 1, 2],
    "nodes_featureids": [3, 0, 0],
    "nodes_values": [0.5, 0.0, 0.0],
    "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
    "nodes_truenodeids": [1, 0, 0],
    "nodes_falsenodeids": [2, 0, 0],
    "class_treeids": [0, 0],
    "class_nodeids": [1, 2],
    "class_ids": [0, 1],
    "class_weights": [1.0, 1.0],
    "classlabels_int64s": [0, 1],
}
_KERNEL = {
    "kernel_type": "RBF",
    "kernel_params": [0.1, 0.0, 3.0],
    "support_vectors": [0.1] * 72,
    "vectors_per_class": [1, 1],
    "coefficients": [1.0, -1.0],
    "rho": [0.1],
    "classlabels_ints": [0, 1],
}


def _classifier(form: str, transform: str) -> Case:
    made = _ml("LinearClassifier", "x", "label y", classlabels_ints=_LABELS, post_transform=transform, **_LINEAR)
    return case("LinearClassifier", form, made, **_FEATURES)


CASES = [
    _classifier("scores", "NONE"),
    _classifier("Softmax or Logistic behind the scores", "SOFTMAX"),
    case("LinearRegressor", "several targets", _ml("LinearRegressor", "x", "y", targets=3, **_LINEAR), **_FEATURES),
    case("Scaler", ANY, _ml("Scaler", "x", "y", offset=[0.5], scale=[2.0]), **_FEATURES),
    case("Normalizer", "last", _ml("Normalizer", "x", "y", norm="L1"), **_FEATURES),
    case(
        "Normalizer",
        "before a classifier",
        _ml("Normalizer", "x", "n", norm="L2"),
        node("MatMul", "n w"),
        w=weights(36, 3),
        **_FEATURES,
    ),
    case(
        "ArrayFeatureExtractor",
        "constant places, as in SelectKBest",
        _ml("ArrayFeatureExtractor", "x places", "y"),
        places=np.array([[3, 1, 30]]),
        **_FEATURES,
    ),
    case("Binarizer", ANY, _ml("Binarizer", "x", "y", threshold=0.5), **_FEATURES),
    case("TreeEnsembleClassifier", ANY, _ml("TreeEnsembleClassifier", "x", "label y", **_TREE), **_FEATURES),
    case("SVMClassifier", ANY, _ml("SVMClassifier", "x", "label y", **_KERNEL), **_FEATURES),
]
