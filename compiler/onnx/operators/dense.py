"""Matrices with constant weights, and normalisation by the statistics of training."""

import numpy as np

from common.errors import NetworkError
from common.plan.layers import Array, BatchNorm, Dense
from compiler.onnx.operators.axes import Along, along
from compiler.onnx.reading import Node
from compiler.onnx.scope import Scope
from compiler.onnx.tensor import Tensor


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
    """MatMul with constant weights on either side, of the last dimension or the last but one."""
    if not isinstance(scope.value(node, 0), Tensor):
        x, weight = scope.tensor(node, 1), _matrix(scope.numbers(node, 0))
        if len(x.dimensions) < 2:
            raise NetworkError(f"it multiplies weights by {scope.dimensions(x)}, which mixes frames")
        return _along(scope, x, len(x.dimensions) - 2, weight)
    x, weight = scope.tensor(node, 0), _matrix(scope.numbers(node, 1)).T
    if len(x.dimensions) == 1:
        return _dense(scope, x, weight, np.zeros(1))
    return _along(scope, x, len(x.dimensions) - 1, weight)


def _matrix(weight: Array) -> Array:
    if weight.ndim < 2 or weight.size != weight.shape[-1] * weight.shape[-2]:
        raise NetworkError(f"its weights have shape {weight.shape}; they must be one matrix")
    return weight.reshape(weight.shape[-2:])


def _along(scope: Scope, x: Tensor, axis: int, weight: Array) -> Tensor:
    size = x.dimensions[axis] if axis >= 0 else 0
    if weight.shape[1] != size:
        raise NetworkError(f"weights for {weight.shape[1]} features meet {size}")
    rows, columns = np.indices(weight.shape)
    return along(scope, x, axis, Along(len(weight), rows.reshape(-1), columns.reshape(-1), weight.reshape(-1)))


def _dense(scope: Scope, x: Tensor, weight: Array, bias: Array) -> Tensor:
    if weight.ndim != 2 or weight.shape[1] != x.size:
        raise NetworkError(f"weights for {weight.shape[-1]} features meet {x.size}")
    return scope.draft.apply(Dense(weight, np.broadcast_to(bias.reshape(-1), len(weight)).copy()), x)
