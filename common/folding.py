"""Network → linear, square, linear, square, …, linear.

Everything between two squares is affine, so it is folded into one matrix and one vector by
running the reference forward pass on the standard basis: convolutions, padding, pools,
normalisation, crops and dense layers need no rule of their own.

An activation a·x² + b·x + c is completed to a pure square, a·(x + b/2a)² + c - b²/4a: the
shift joins the affine map before it, factor and rest the one behind it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from common.errors import NetworkError
from common.layers import Array, Layer, Polynomial
from common.network import Network, run_layers

_BASIS_ROWS = 256
_NOISE = 1e-12
_LARGEST = 1e30


@dataclass(frozen=True)
class Affine:
    """y = matrix · x + bias; `shape` is y's (channels, positions), positions = 1 after Flatten."""

    matrix: Array
    bias: Array
    shape: tuple[int, int]

    def __call__(self, x: Array) -> Array:
        """Apply to a batch (n, in)."""
        out: Array = x @ self.matrix.T + self.bias
        return out


def fold(network: Network) -> list[Affine]:
    """The affine maps between the network's squares, first to last.

    Raises `NetworkError` for an activation that is linear in some channels only, and for a
    network whose layers don't fit together.
    """
    height, width, channels = network.frame_shape
    shape: tuple[int, ...] = (channels, height, width)
    network.forward(np.zeros((1, *shape)))  # here an error names the layer by its place in the network
    stages: list[Affine] = []
    pending: list[Layer] = []
    factor, rest = np.ones(channels * height * width), np.zeros(channels * height * width)
    for index, layer in enumerate(network.layers):
        if isinstance(layer, Polynomial) and np.any(layer.a != 0):
            if np.any(layer.a == 0):
                raise NetworkError(
                    f"layer {index} (Polynomial) has a = 0 in channel {int(np.argmin(layer.a != 0))} but not in all; "
                    "give every channel a quadratic term"
                )
            affine, shape = _fold_affine(pending, shape, factor, rest)
            a, b, c = (_spread(v, shape) for v in (layer.a, layer.b, layer.c))
            stages.append(replace(affine, bias=affine.bias + b / (2 * a)))
            factor, rest, pending = a, c - b * b / (4 * a), []
        else:
            pending.append(layer)
    affine, shape = _fold_affine(pending, shape, factor, rest)
    if affine.matrix.shape[0] != len(network.labels):
        raise NetworkError(
            f"the network ends in {affine.matrix.shape[0]} scores but names {len(network.labels)} labels"
        )
    return [*stages, affine]


def evaluate(stages: Sequence[Affine], x: Array) -> Array:
    """Scores (n, labels) of flat inputs (n, in) through the folded stages."""
    for stage in stages[:-1]:
        x = stage(x) ** 2
    return stages[-1](x)


def normalise(stages: Sequence[Affine], x: Array) -> tuple[list[Affine], float]:
    """Scale each stage so that no output on the inputs `x` (n, in) exceeds 1 in size.

    The same function is computed up to the factor returned: scores = factor · output. Slots
    near 1 make the best use of a scale.
    """
    scaled: list[Affine] = []
    gain = 1.0  # what the values entering a stage were multiplied by
    for position, stage in enumerate(stages):
        output = stage(x)
        peak = float(np.abs(output).max()) or 1.0
        if peak > _LARGEST:
            raise NetworkError(f"values reach {peak:.0e} in linear stage {position}; normalise activations before it")
        scaled.append(replace(stage, matrix=stage.matrix / (gain * peak), bias=stage.bias / peak))
        gain = 1.0 / peak**2
        if position == len(stages) - 1:
            return scaled, peak
        x = output**2
    raise NetworkError("a network needs at least one linear layer")


def _fold_affine(
    layers: Sequence[Layer], shape: tuple[int, ...], factor: Array, rest: Array
) -> tuple[Affine, tuple[int, ...]]:
    size = int(np.prod(shape))
    zero = run_layers(layers, np.zeros((1, *shape)))
    out_shape = zero.shape[1:]
    constant = zero.reshape(-1)
    matrix = np.empty((constant.size, size))
    for start in range(0, size, _BASIS_ROWS):
        basis = np.eye(min(_BASIS_ROWS, size - start), size, start).reshape(-1, *shape)
        matrix[:, start : start + len(basis)] = (run_layers(layers, basis).reshape(len(basis), -1) - constant).T
    matrix[np.abs(matrix) <= _NOISE * np.abs(constant).max()] = 0.0  # what subtracting the constant left
    bias = constant + matrix @ rest
    channels = out_shape[0]
    return Affine(matrix * factor, bias, (channels, constant.size // channels)), out_shape


def _spread(values: Array, shape: tuple[int, ...]) -> Array:
    """Per-channel values as one per element of a tensor of this shape."""
    return np.repeat(np.asarray(values, dtype=np.float64), int(np.prod(shape[1:])))
