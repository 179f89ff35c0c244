"""Layers behind fitted activations, fitted again: ridge regression towards the weights that they had.

What a polynomial gets wrong is partly linear in what it gives, so that the next linear layer can make up for it. Its
weights W are those that minimise Σ w · |W·x - y|² + λ · |W - W₀|² over its inputs x in the fitted network and its
outputs y in the original one, which is solved in closed form (Hoerl and Kennard, Technometrics 12, 1970).
"""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from common.plan.layers import Array, Conv2d, Dense, windows

#: Layers whose weights can be fitted again.
Refittable = Conv2d | Dense
#: Weights of an output, at most, beyond which solving for them takes too long.
_MOST_WEIGHTS = 4096
#: Positions of a convolution that are looked at, at most, for each of an output's weights and in all frames together.
_POSITIONS = 40


def refitted(
    layer: Refittable, inputs: Sequence[Array], targets: Sequence[Array], weights: Array, ridge: float
) -> Refittable:
    """The layer with weights that lead from `inputs`, chunks of frames, to `targets`; `weights` (n,) are the frames'.

    `ridge` is λ as a share of the inputs' mean square. Layers of several groups, and those with very many weights for
    an output, stay as they are.
    """
    fan_in = int(np.prod(layer.weight.shape[1:]))
    if fan_in >= _MOST_WEIGHTS or (isinstance(layer, Conv2d) and layer.groups > 1):
        return layer
    before = np.concatenate([layer.weight.reshape(len(layer.weight), -1), layer.bias[:, None]], axis=1).T
    normal, right = np.zeros((fan_in + 1, fan_in + 1)), np.zeros_like(before, dtype=np.float64)
    for x, y, weight in _rows(layer, inputs, targets, weights):
        normal += (x * weight[:, None]).T @ x
        right += (x * weight[:, None]).T @ (y - x @ before)
    normal += ridge * max(np.trace(normal) / len(normal), np.finfo(np.float64).tiny) * np.eye(len(normal))
    after = before + np.linalg.solve(normal, right)
    return msgspec.structs.replace(layer, weight=after[:-1].T.reshape(layer.weight.shape), bias=after[-1])


def _rows(
    layer: Refittable, inputs: Sequence[Array], targets: Sequence[Array], weights: Array
) -> Iterator[tuple[Array, Array, Array]]:
    """For some frames at a time: what the weights and the bias multiply, (n, weights + 1), the targets, and weights."""
    start, rng = 0, np.random.default_rng(0)
    for x, y in zip(inputs, targets, strict=True):
        weight = weights[start : start + len(x)]
        start += len(x)
        if isinstance(layer, Dense):
            yield _with_ones(x), y, weight
            continue
        seen = windows(x, layer.weight.shape[2:], layer.stride, layer.padding, layer.dilation)
        count, most = y.size // y.shape[1], _POSITIONS * int(np.prod(layer.weight.shape[1:])) * len(x) // len(weights)
        chosen = np.arange(count) if count <= most else rng.choice(count, max(1, most), replace=False)
        frame, row, column = np.unravel_index(chosen, (len(x), *y.shape[2:]))
        yield _with_ones(seen[frame, :, row, column].reshape(len(chosen), -1)), y[frame, :, row, column], weight[frame]


def _with_ones(x: Array) -> Array:
    return np.concatenate([x, np.ones((len(x), 1))], axis=1)
