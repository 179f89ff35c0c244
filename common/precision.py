"""How large the error of an encrypted score can get, predicted from the sources of noise.

CKKS is approximate: encryption, rotations, rescaling and the rounding of plaintexts each add
Gaussian noise. Its standard deviations in a slot, before division by the scale, follow the
average-case analysis of Costache et al. (2022, "On the precision loss in approximate
homomorphic encryption"); the constants were checked against Pyfhel at N = 4096 … 16384.
Variances are carried to the scores through the network's own derivatives on calibration inputs.
"""

import math
from collections.abc import Sequence

import numpy as np

from common.chain import Chain
from common.folding import Affine
from common.layers import Array
from common.transform import Transform

_SIGMA = 3.2  # standard deviation of an RLWE error coefficient
_BOUND_SIGMAS = 6.0


class ErrorModel:
    """Predicts score errors of a normalised network for any candidate chain."""

    def __init__(
        self, stages: Sequence[Affine], transforms: Sequence[Transform], inputs: Array, ring_dimension: int
    ) -> None:
        self._n = ring_dimension
        self._transforms = transforms
        self._rounded = [_Rounding(transform, ring_dimension) for transform in transforms]
        self._occupancy, self._gains = _gains(stages, transforms, inputs)

    @property
    def least_weight_bits(self) -> tuple[int, ...]:
        """For each stage the scale, in bits, below which all its weights would round to zero."""
        return tuple(rounding.least_bits for rounding in self._rounded)

    def bound(self, chain: Chain) -> float:
        """Six standard deviations of the worst score, where the largest calibrated score is 1."""
        rounding = self._n / 6
        encode = np.sqrt(self._n / 12)
        count = len(self._transforms)
        total: Array = np.zeros(1)
        for index, (transform, (on_input, on_output)) in enumerate(zip(self._transforms, self._gains, strict=True)):
            scale = 2.0 ** chain.scale_bits[index]
            weight = 2.0 ** chain.weight_bits[index]
            switch = _switch_noise(self._n, count - index, max(chain.data_prime_bits) - chain.special_bits)
            rotated = switch if any(transform.babies) else 0.0
            total = total + on_input * (rounding**2 + rotated**2) / scale**2
            rounded = transform.products * (encode / weight) ** 2 + self._rounded[index].loss(weight)
            products = self._occupancy[index] * rounded
            switches = (len([g for g in transform.terms if g]) + len(transform.folds)) * (
                switch / (scale * weight)
            ) ** 2
            total = total + on_output * _summed_slots(transform) * (products + switches)
        return float(_BOUND_SIGMAS * np.sqrt(total.max()))


class _Rounding:
    """What the weights of one stage lose when their plaintexts' coefficients are rounded.

    Most of a rounding error is noise. But where a vector has few values, spread over N
    coefficients, most of these are below 1/2 and become zero, and the values shrink.
    """

    def __init__(self, transform: Transform, dimension: int) -> None:
        terms = [(giant, vector) for giant, babies in transform.terms.items() for vector in babies.values()]
        self._coefficients = _coefficients(np.stack([vector for _, vector in terms]), dimension)
        self._squares = np.stack([np.square(np.roll(vector, -giant)) for giant, vector in terms])
        self._energy = np.square(self._coefficients).sum(axis=1)
        self._losses: dict[float, float] = {}

    @property
    def least_bits(self) -> int:
        """Bits of the smallest scale at which a coefficient is 1 or more."""
        return math.ceil(-math.log2(np.abs(self._coefficients).max()))

    def loss(self, scale: float) -> float:
        """Square of the loss in the slot that loses most, of weights encoded at `scale`."""
        if scale not in self._losses:
            rounded = np.round(self._coefficients * scale) / scale
            kept = np.einsum("tn,tn->t", rounded, self._coefficients) / self._energy
            self._losses[scale] = float(((1 - kept) ** 2 @ self._squares).max())
        return self._losses[scale]


def _coefficients(vectors: Array, dimension: int) -> Array:
    """Coefficients of the plaintexts that hold `vectors` (n, slots) in their slots, at scale 1."""
    exponents = np.array([pow(3, slot, 2 * dimension) for slot in range(dimension // 2)])
    values = np.zeros((len(vectors), dimension))
    values[:, (exponents - 1) // 2] = values[:, (2 * dimension - exponents - 1) // 2] = vectors
    twist = np.exp(-1j * np.pi * np.arange(dimension) / dimension)
    coefficients: Array = (np.fft.fft(values, axis=1) / dimension * twist).real
    return coefficients


def _switch_noise(dimension: int, primes: int, ratio_bits: int) -> float:
    """Noise of one key switch: its division by the special prime rounds, its digits carry errors."""
    digits = dimension * _SIGMA * np.sqrt(primes / 12) * 2.0**ratio_bits
    return float(np.hypot(dimension / 6, digits))


def _summed_slots(transform: Transform) -> float:
    """How many slots each add their own noise to one output."""
    if not transform.partial:
        return float(2 ** len(transform.folds))
    return float(np.bincount(transform.output.elements[transform.output.elements >= 0]).max())


def _gains(
    stages: Sequence[Affine], transforms: Sequence[Transform], inputs: Array
) -> tuple[list[float], list[tuple[Array, Array]]]:
    """Mean square of each stage's input slots, and score variance per unit variance at its input and output."""
    entering, leaving = [inputs], []
    for stage in stages:
        leaving.append(stage(entering[-1]))
        entering.append(leaving[-1] ** 2)
    occupancy = [float(np.mean(x**2)) for x in entering[: len(transforms)]]
    gains: list[tuple[Array, Array]] = []
    scores = stages[-1].matrix.shape[0]
    # Jacobian of the scores with respect to the current stage's output: (n, scores, out).
    jacobian = np.broadcast_to(np.eye(scores), (len(inputs), scores, scores))
    for index in range(len(stages) - 1, -1, -1):
        on_output = np.square(jacobian).sum(axis=2)
        matrix = stages[index].matrix
        jacobian = (jacobian.reshape(-1, len(matrix)) @ matrix).reshape(len(inputs), scores, -1)
        gains.append((np.square(jacobian).sum(axis=2), on_output))
        if index:
            jacobian = jacobian * (2 * leaving[index - 1])[:, None, :]
    return occupancy, gains[::-1]
