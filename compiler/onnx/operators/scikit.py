"""Operators of the domain ai.onnx.ml that are linear, as skl2onnx writes models of scikit-learn."""

from dataclasses import replace

import numpy as np

from common.errors import NetworkError
from common.plan.layers import Array
from compiler.onnx.draft.kinds import Plain
from compiler.onnx.draft.tensor import Tensor, require_room
from compiler.onnx.file.reading import Node
from compiler.onnx.operators.activations import activation
from compiler.onnx.operators.linear.dense import gemm
from compiler.onnx.operators.ranking import softmax
from compiler.onnx.scope import Scope

#: What may be done with the scores of a LinearClassifier, and the operator that does the same.
_TRANSFORMS = {"NONE": None, "LOGISTIC": "Sigmoid", "SOFTMAX": "Softmax"}


def scale(scope: Scope, node: Node) -> Tensor:
    """Scaler: (x - offset) · scale, each one number or one for each feature."""
    offset, factor = (
        np.array(node.attributes.get(name) or [default], dtype=np.float64)
        for name, default in (("offset", 0.0), ("scale", 1.0))
    )
    _require_finite(offset, factor)
    return scope.draft.affine(scope.tensor(node, 0), factor, -offset * factor)


def extract(scope: Scope, node: Node) -> Tensor:
    """ArrayFeatureExtractor: the features at constant places, as feature selection leaves them."""
    x, places = scope.tensor(node, 0), scope.numbers(node, 1).reshape(-1)
    size = x.dimensions[-1]
    if not places.size or np.any(places != np.floor(places)) or np.any((places < 0) | (places >= size)):
        raise NetworkError(f"its places aren't all from 0 to {size - 1}")
    require_room((*x.dimensions[:-1], places.size))
    return x.viewed(x.places[..., places.astype(np.int64)])


def regress(scope: Scope, node: Node) -> Tensor:
    """LinearRegressor, of one target or several."""
    if _transform(node) is not None:
        raise NetworkError(f"its post_transform is {node.attributes['post_transform']}; it must be NONE")
    return _linear(scope, node, int(node.attributes.get("targets", 1)))


def classify(scope: Scope, node: Node) -> tuple[Tensor, Tensor]:
    """LinearClassifier: its label, and its scores. Of two labels it may give only one score, that of the second."""
    transform = _transform(node)
    labels = len(node.attributes.get("classlabels_ints") or node.attributes.get("classlabels_strings") or ())
    scores = _linear(scope, node, labels)
    following = replace(node, operator=transform or "Identity", inputs=(scope.add(node, "scores", scores),))
    if transform == "Softmax":
        scores = softmax(scope, replace(following, attributes={"axis": len(scores.dimensions)}))
    elif transform == "Sigmoid":
        scores = activation(scope, following)
    scope.kinds[node.outputs[0]] = Plain.LABEL
    return scores, scores


def _linear(scope: Scope, node: Node, rows: int) -> Tensor:
    weights = np.array(node.attributes.get("coefficients", ()), dtype=np.float64)
    biases = np.array(node.attributes.get("intercepts") or [0.0], dtype=np.float64)
    features = scope.tensor(node, 0).dimensions[-1]
    if rows == 2 and weights.size == features:  # of two labels only the second one's
        weights, biases = np.concatenate([-weights, weights]), np.concatenate([-biases, biases])
    if rows < 1 or weights.size != rows * features or biases.size not in (1, rows):
        raise NetworkError(
            f"its {weights.size} coefficients and {biases.size} intercepts don't fit {features} features, {rows} scores"
        )
    _require_finite(weights, biases)
    inputs = (
        node.inputs[0],
        scope.add(node, "weight", weights.reshape(rows, features)),
        scope.add(node, "bias", biases),
    )
    return gemm(scope, replace(node, operator="Gemm", inputs=inputs, attributes={"transB": 1}))


def _require_finite(*arrays: Array) -> None:
    if not all(np.isfinite(array).all() for array in arrays):
        raise NetworkError("it holds values that aren't finite; train or export again")


def _transform(node: Node) -> str | None:
    name = node.attributes.get("post_transform", "NONE")
    if name not in _TRANSFORMS:
        raise NetworkError(f"its post_transform is {name!r}; it must be one of {', '.join(_TRANSFORMS)}")
    return _TRANSFORMS[name]
