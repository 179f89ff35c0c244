"""Network → linear, square, linear, square, …, linear.

Every tensor of a network is an affine function of *values*: value 0 is the input, value k the
square that stage k - 1 ends in. So each layer between two squares is folded into the matrices
of the next square, and a residual connection is one more matrix, from an earlier value.

An activation a·x² + b·x + c is completed to a pure square, a·(x + b/2a)² + c - b²/4a: the
shift joins the affine map before it, factor and rest the ones behind it. A channel with a = 0 is
no square, and joins the maps around it. A product of two tensors x and y is two squares,
((x + y)² - (x - y)²) / 4, side by side in one stage.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np
from scipy import sparse

from common.errors import NetworkError
from common.plan.layers import (
    Add,
    Array,
    BatchNorm,
    Conv2d,
    Dense,
    Layer,
    Linear,
    Multiply,
    Polynomial,
    Recall,
    Weights,
)
from common.plan.network import Network
from common.plan.shapes import Shape
from compiler.matrices import Matrix, affine_map, spread

#: The largest value that an output may have in calibration, before it is normalised.
_LARGEST = 1e30
#: Bits of the factor whose powers channels are scaled up by, and the size from which on smaller ones are no further:
#: other frames may have larger values in a channel that hardly moves in calibration.
_MAGNIFICATION_BITS, _LEAST_PEAK = 3, 2.0**-9
#: The weight that stands in for a zero: too small to change a score.
_TINY = 1e-12


@dataclass(frozen=True)
class Affine:
    """One linear stage: Σ_k matrices[k] · value_k + bias.

    Each of `matrices` has shape (out, size of value k); `shape` is the output's (channels,
    height, width), height = width = 1 for features. The halves of a `product`'s output are x + y and x - y.
    """

    matrices: dict[int, Matrix]
    bias: Array
    shape: tuple[int, int, int]
    product: bool = False

    def __call__(self, values: Sequence[Array]) -> Array:
        """Outputs (n, out) for a batch of values, each (n, size)."""
        total: Array = np.broadcast_to(self.bias, (len(values[0]), len(self.bias))).copy()
        for source, matrix in self.matrices.items():
            total += (matrix @ values[source].T).T
        return total

    @property
    def size(self) -> int:
        """How many numbers come out."""
        return len(self.bias)


@dataclass(frozen=True)
class _Tensor:
    """A tensor as an affine function of values."""

    matrices: dict[int, Matrix]
    constant: Array
    shape: Shape

    def mapped(self, matrix: Matrix, constant: Array, shape: Shape) -> "_Tensor":
        matrices = {source: matrix @ own for source, own in self.matrices.items()}
        return _Tensor(matrices, constant + matrix @ self.constant, shape)

    def plus(self, other: "_Tensor") -> "_Tensor":
        matrices = dict(self.matrices)
        for source, matrix in other.matrices.items():
            matrices[source] = matrices[source] + matrix if source in matrices else matrix
        return _Tensor(matrices, self.constant + other.constant, self.shape)

    def with_negated(self, other: "_Tensor") -> "_Tensor":
        """x + y above x - y, of this tensor x and another y, with twice as many channels."""
        total, difference = self.plus(other), self.plus(other.scaled(-1.0))
        matrices = {
            source: sparse.vstack([matrix, difference.matrices[source]], format="csr")
            for source, matrix in total.matrices.items()
        }
        constant = np.concatenate([total.constant, difference.constant])
        return _Tensor(matrices, constant, (2 * self.shape[0], *self.shape[1:]))

    def scaled(self, factor: float) -> "_Tensor":
        return _Tensor({each: factor * own for each, own in self.matrices.items()}, factor * self.constant, self.shape)

    def stage(self, shift: Array | float = 0.0, product: bool = False) -> Affine:
        channels, height, width = self.shape if len(self.shape) == 3 else (*self.shape, 1, 1)
        matrices = {source: sparse.csr_array(matrix) for source, matrix in self.matrices.items()}
        for matrix in matrices.values():
            matrix.eliminate_zeros()
        return Affine(
            {source: matrix for source, matrix in matrices.items() if matrix.nnz},
            self.constant + shift,
            (channels, height, width),
            product,
        )


def without_zeros(network: Network) -> Network:
    """The same network, but for weights that are zero: they become too small to matter.

    So the diagonals of its stages follow from its shape, and don't tell which weights are zero.
    """

    def nonzero(weights: Weights) -> Weights:
        return np.where(weights == 0, _TINY, weights)

    return msgspec.structs.replace(network, layers=tuple(_replace_weights(layer, nonzero) for layer in network.layers))


def _replace_weights(layer: Layer, change: Callable[[Weights], Weights]) -> Layer:
    if isinstance(layer, Conv2d | Dense):
        return msgspec.structs.replace(layer, weight=change(layer.weight))
    if isinstance(layer, Linear):
        return msgspec.structs.replace(layer, values=change(layer.values))
    if isinstance(layer, BatchNorm):
        return msgspec.structs.replace(layer, gamma=change(layer.gamma))
    return layer


def fold(network: Network) -> list[Affine]:
    """The linear stages between the network's squares, first to last.

    Raises `NetworkError` for a stage whose output depends on no frame, and for a network whose layers don't fit
    together.
    """
    height, width, channels = network.frame_shape
    network.forward(np.zeros((1, channels, height, width)))  # here an error names the layer by its place
    size = channels * height * width
    tensor = _Tensor({0: sparse.eye_array(size, format="csr")}, np.zeros(size), (channels, height, width))
    tensors = {-1: tensor}
    stages: list[Affine] = []
    for index, layer in enumerate(network.layers):
        tensor = tensors[index] = _apply(layer, tensor, tensors, stages)
    stages.append(tensor.stage())
    stages = _used(stages)
    if stages[-1].size != len(network.labels):
        raise NetworkError(f"the network ends in {stages[-1].size} scores but names {len(network.labels)} labels")
    for position, stage in enumerate(stages):
        if not stage.matrices:
            raise NetworkError(f"linear stage {position} has only zero weights: its output doesn't depend on the frame")
    return stages


def evaluate(stages: Sequence[Affine], x: Array) -> Array:
    """Scores (n, labels) of flat inputs (n, in) through the folded stages."""
    values = [x]
    for stage in stages[:-1]:
        values.append(stage(values) ** 2)
    return stages[-1](values)


def normalise(stages: Sequence[Affine], x: Array) -> tuple[list[Affine], float]:
    """Scale each stage so that no output on the inputs `x` (n, in) exceeds 1 in size.

    The stages compute the same function up to the factor that is returned with them: scores = factor · output.
    Slots near 1 make the best use of a scale, so channels far below the largest one are scaled up to it: noise is
    alike in all slots. Raises `NetworkError` where outputs are too large for that.
    """
    scaled: list[Affine] = []
    values, gains = [x], [np.ones(x.shape[1])]  # gains: what each element of a value was multiplied by
    peak = 1.0
    for position, given in enumerate(stages):
        stage = _balanced(given, values) if given.product else given
        output = stage(values)
        peak = float(np.abs(output).max()) or 1.0
        if peak > _LARGEST:
            raise NetworkError(f"values reach {peak:.0e} in linear stage {position}; normalise activations before it")
        last = position == len(stages) - 1
        divisors = np.full(stage.size, peak) if last else peak / _magnified(stage.shape, np.abs(output) / peak)
        matrices = {source: _divided(matrix, divisors, gains[source]) for source, matrix in stage.matrices.items()}
        scaled.append(replace(stage, matrices=matrices, bias=stage.bias / divisors))
        gains.append(1.0 / divisors**2)
        values.append(output**2)
    return scaled, peak


def _magnified(shape: tuple[int, int, int], sizes: Array) -> Array:
    """By what each output is multiplied so that its channel comes near 1; `sizes` (n, out) are relative to the largest.

    The factors are powers: channels of about one size share one, and alike weights stay alike. Scores need one for all.
    """
    channels = shape[0]
    peaks = sizes.reshape(len(sizes), channels, -1).max(axis=(0, 2))
    _, exponents = np.frexp(1 / np.maximum(peaks, _LEAST_PEAK))  # exact, as logarithms aren't on every machine
    bits = (exponents - 1) // _MAGNIFICATION_BITS * _MAGNIFICATION_BITS
    return np.repeat(2.0**bits, len(sizes[0]) // channels)


def _divided(matrix: Matrix, rows: Array, columns: Array) -> Matrix:
    """The matrix with each entry divided by what belongs to its row and its column."""
    entries = sparse.coo_array(matrix)
    data = entries.data * (1.0 / (columns[entries.col] * rows[entries.row]))
    return sparse.csr_array((data, (entries.row, entries.col)), shape=matrix.shape)


def _balanced(stage: Affine, values: Sequence[Array]) -> Affine:
    """A product of x and y as that of a·x and y / a, which are equally large on these values.

    With one of them far larger than the other, x + y and x - y would be almost the same, and their squares' errors
    larger than what these differ by.
    """
    half = stage.size // 2
    total, difference = np.split(stage(values), [half], axis=1)
    largest = [float(np.abs(total + sign * difference).max()) for sign in (1, -1)]
    if not min(largest) or max(largest) > _LARGEST:
        return stage
    factor = np.sqrt(largest[1] / largest[0])
    same, other = (factor + 1 / factor) / 2, (factor - 1 / factor) / 2
    mixing = sparse.kron(np.array([[same, other], [other, same]]), sparse.eye_array(half), format="csr")
    matrices = {source: sparse.csr_array(mixing @ matrix) for source, matrix in stage.matrices.items()}
    return replace(stage, matrices=matrices, bias=mixing @ stage.bias)


def depths(stages: Sequence[Affine]) -> list[int]:
    """The depth of each stage: how many squares lie before it, on the longest way."""
    depth_of: list[int] = []
    for stage in stages:
        depth_of.append(max(depth_of[source - 1] + 1 if source else 0 for source in stage.matrices))
    return depth_of


def value_depths(stages: Sequence[Affine]) -> list[int]:
    """The depth of each value, which is that of the first stages that read it; value 0 is the input."""
    return [0, *(depth + 1 for depth in depths(stages))]


def _used(stages: list[Affine]) -> list[Affine]:
    """The stages that the last one depends on; an activation may lead nowhere."""
    used = {len(stages)}
    for value in range(len(stages), 0, -1):
        if value in used:
            used.update(stages[value - 1].matrices)
    number = {value: place for place, value in enumerate(sorted(used | {0}))}
    return [
        replace(stage, matrices={number[value]: matrix for value, matrix in stage.matrices.items()})
        for value, stage in enumerate(stages, start=1)
        if value in used
    ]


def _apply(layer: Layer, tensor: _Tensor, tensors: dict[int, _Tensor], stages: list[Affine]) -> _Tensor:
    if isinstance(layer, Recall):
        return tensors[layer.layer]
    if isinstance(layer, Add):
        return tensor.plus(tensors[layer.layer])
    if isinstance(layer, Multiply):
        stages.append(tensor.with_negated(tensors[layer.layer]).stage(product=True))
        quarter = sparse.eye_array(len(tensor.constant), format="csr") / 4
        difference = sparse.hstack([quarter, -quarter], format="csr")
        return _Tensor({len(stages): difference}, np.zeros(len(tensor.constant)), tensor.shape)
    if not (isinstance(layer, Polynomial) and np.any(layer.a != 0)):
        return tensor.mapped(*affine_map(layer, tensor.shape))
    return _squared(layer, tensor, stages)


def _squared(layer: Polynomial, tensor: _Tensor, stages: list[Affine]) -> _Tensor:
    """A tensor behind an activation: channels with a = 0 stay affine, and the others are squared in a stage of theirs.

    The stages of a sealed plan tell how many channels are squared, as they tell the network's other shapes.
    """
    bent = layer.a != 0
    a, b, c = (spread(v, tensor.shape) for v in (layer.a, layer.b, layer.c))
    if bent.all():
        stages.append(tensor.stage(b / (2 * a)))
        return _Tensor({len(stages): sparse.diags_array(a, format="csr")}, c - b * b / (4 * a), tensor.shape)
    chosen = sparse.eye_array(len(a), format="csr")[np.flatnonzero(a)]
    some = tensor.mapped(chosen, np.zeros(chosen.shape[0]), (int(bent.sum()), *tensor.shape[1:]))
    squares = _squared(Polynomial(layer.a[bent], layer.b[bent], layer.c[bent]), some, stages)
    straight = tensor.mapped(sparse.diags_array(np.where(a == 0, b, 0.0)), np.where(a == 0, c, 0.0), tensor.shape)
    return straight.plus(squares.mapped(chosen.T, np.zeros(len(a)), tensor.shape))
