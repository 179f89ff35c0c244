"""Matrices with constant weights, and normalisation by the statistics of training."""

import numpy as np

from common.errors import NetworkError
from common.plan.layers import Array, BatchNorm, Dense
from compiler.onnx.draft.tensor import Tensor
from compiler.onnx.file.reading import Node
from compiler.onnx.operators.linear.contracting import matrices
from compiler.onnx.scope import Scope


def batch_normalization(scope: Scope, node: Node) -> Tensor:
    """BatchNormalization by the statistics of training, of channels that come first."""
    x = scope.tensor(node, 0)
    if node.attributes.get("training_mode", 0):
        raise NetworkError("it has training_mode = 1; call model.eval() before the export")
    gamma, beta, mean, variance = (scope.numbers(node, place) for place in range(1, 5))
    epsilon = float(node.attributes.get("epsilon", 1e-5))
    if not x.dimensions or any(values.shape != x.dimensions[:1] for values in (gamma, beta, mean, variance)):
        raise NetworkError(f"its statistics don't fit {x.dimensions[0] if x.dimensions else 1} channels")
    if np.any(variance + epsilon <= 0):
        raise NetworkError("its variance isn't positive; train or export the network again")
    if x.in_order and x.dimensions == x.shape:
        return scope.draft.normalise(BatchNorm(mean, variance, gamma, beta, epsilon), x)
    shape = (-1, *(1,) * (len(x.dimensions) - 1))
    factor = gamma / np.sqrt(variance + epsilon)
    return scope.draft.affine(x, factor.reshape(shape), (beta - mean * factor).reshape(shape))


def gemm(scope: Scope, node: Node) -> Tensor:
    """Gemm: alpha · x · W + beta · bias."""
    if node.attributes.get("transA", 0):
        raise NetworkError("it has transA = 1, which would mix frames")
    x, weight, bias = scope.tensor(node, 0), scope.numbers(node, 1), scope.optional(node, 2)
    weight = weight if node.attributes.get("transB", 0) else weight.T
    bias = np.zeros(1) if bias is None else bias * node.attributes.get("beta", 1.0)
    if len(x.dimensions) != 1:
        raise NetworkError(f"its input has {x.dimensions} for each frame; put Flatten before it")
    return _dense(scope, x, weight * node.attributes.get("alpha", 1.0), bias)


def matmul(scope: Scope, node: Node) -> Tensor:
    """MatMul of features by weights; `contracting` has it for more dimensions."""
    first, second = scope.value(node, 0), scope.value(node, 1)
    if isinstance(first, Tensor) and not isinstance(second, Tensor) and len(first.dimensions) == 1 and second.ndim == 2:
        return _dense(scope, first, np.asarray(second, dtype=np.float64).T, np.zeros(1))
    return matrices(scope, node, first, second)


def _dense(scope: Scope, x: Tensor, weight: Array, bias: Array) -> Tensor:
    if weight.ndim != 2 or weight.shape[1] != x.size:
        raise NetworkError(f"weights for {weight.shape[-1]} features meet {x.size}")
    return scope.draft.apply(Dense(weight, np.broadcast_to(bias.reshape(-1), len(weight)).copy()), x)
