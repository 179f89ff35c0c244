"""How large the error of an encrypted score can get, predicted from the sources of noise.

CKKS is approximate: encryption, rotations and rescaling each add noise, and so does the rounding
of plaintexts, for the purposes of a search (`compiler.modulus.rounding` computes it). Its standard
deviations in a slot, before division by the scale, follow the
average-case analysis of Costache et al. (2022, "On the precision loss in approximate
homomorphic encryption"); the constants were checked against Pyfhel at N = 4096 … 16384.
Variances are carried to the scores through the network's own derivatives on calibration inputs.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from common.plan.layers import Array
from compiler.modulus.chain import Chain
from compiler.modulus.gains import Gain, network_gains
from compiler.modulus.rounding import coefficients
from compiler.search import Candidate
from compiler.stages import Affine, depths
from compiler.steps import Ints
from compiler.transform import Transform, Vectors

_SIGMA = 3.2  # standard deviation of an RLWE error coefficient
#: Noise is the product of two Gaussians, a polynomial of errors and the secret's, slot by slot. Its tails
#: are heavier than a Gaussian's: beyond eight standard deviations lies one slot in about 80,000.
_BOUND_SIGMAS = 8.0
#: A stage on which no score depends for any calibrated frame still shows a finite precision.
_LEAST_VARIANCE = 2.0**-100
#: Vectors of a stage whose rounding is looked at, at most.
_SAMPLED_VECTORS = 48


class ErrorModel:
    """Predicts score errors of a normalised network for any candidate chain."""

    def __init__(
        self, stages: Sequence[Affine], candidate: Candidate, inputs: Array, ring_dimension: int, sealed: bool
    ) -> None:
        self._n = ring_dimension
        self._depths = depths(stages)
        self._gains = network_gains(stages, candidate, inputs)
        self._stages = [_StageNoise.of(transform, ring_dimension, sealed) for transform in candidate.transforms]

    @property
    def least_weight_bits(self) -> tuple[int, ...]:
        """For each depth the scale, in bits, below which all weights of a value there would round to zero."""
        least = [0] * (max(self._depths) + 1)
        for depth, stage in zip(self._depths, self._stages, strict=True):
            least[depth] = max(least[depth], *(rounding.least_bits for rounding in stage.rounding.values()))
        return tuple(least)

    def estimate(self, chain: Chain, rounding: float) -> float:
        """Eight standard deviations of the worst score, where the largest calibrated score is 1.

        The errors of rounded weights are taken for noise, `rounding` times as large as the model says.
        """
        return float(_BOUND_SIGMAS * np.sqrt(np.sum(self._variances(chain, rounding), axis=0).max()))

    def bits_left(self, chain: Chain) -> list[float]:
        """For each stage log2 of the largest score over eight sigma of the error that has gathered by its end."""
        totals = np.cumsum(np.stack(self._variances(chain, 1.0)), axis=0)
        return [-math.log2(_BOUND_SIGMAS * math.sqrt(max(total.max(), _LEAST_VARIANCE))) for total in totals]

    def _variances(self, chain: Chain, rounding: float) -> list[Array]:
        """For each stage the variance, by frame and score, that it and its inputs' encryption or rescaling add."""
        noise = self._n / 6  # of an encryption or a rescaling; of an encrypted weight, therefore
        variances: list[Array] = []
        for index, (depth, stage, gains) in enumerate(zip(self._depths, self._stages, self._gains, strict=True)):
            product = 2.0 ** chain.product_bits(depth)
            ratio_bits = max(chain.data_prime_bits) - chain.special_bits
            switch = _SwitchNoise.of(self._n, chain.level(depth) + 1, ratio_bits)
            # Value `index` is rescaled, or encrypted, just before the stages that read it.
            own = self._depths[index - 1] + 1 if index else 0
            total = gains.value * (noise / 2.0 ** chain.scale_bits[own]) ** 2
            for value, own_rounding in stage.rounding.items():
                read = 0 if not value else self._depths[value - 1] + 1
                scale = 2.0 ** chain.scale_bits[read]
                if stage.rotates:
                    total = total + switch.through(gains.by_input[value], 1.0) / scale**2
                weights = own_rounding.variance(product / scale) * rounding**2
                if stage.sealed:
                    weights += own_rounding.products * (noise * scale / product) ** 2
                total = total + gains.output.total * stage.summed * gains.occupancy[value] * weights
            if depth in chain.early:
                total = total + gains.output.total * (noise / 2.0 ** chain.squared_bits(depth)) ** 2
            variances.append(total + stage.switches * switch.through(gains.output, stage.summed) / product**2)
        return variances


@dataclass(frozen=True)
class _StageNoise:
    """What a transform adds noise with; all counts are for the target that has most."""

    rounding: Mapping[int, "_Rounding"]
    rotates: bool
    #: Key switches of products: giants, folds, and relinearisations of products with encrypted weights.
    switches: int
    summed: float
    sealed: bool

    @classmethod
    def of(cls, transform: Transform, dimension: int, sealed: bool) -> "_StageNoise":
        vectors = transform.vectors()
        value_of = np.array([value for value, _ in transform.sources])[transform.diagonals.source]
        giants = transform.steps.giant
        # Each frame of a ciphertext that holds several has fewer slots, and its vector repeats over the frames.
        repeats = dimension // 2 // transform.output.slots
        rounding = {
            int(value): _Rounding(
                vectors[value_of == value],
                giants[value_of == value],
                transform.diagonals.target[value_of == value],
                repeats,
                dimension,
            )
            for value in np.unique(value_of)
        }
        used = transform.diagonals.target[giants != 0] << 32 | giants[giants != 0]
        rotations = _most(np.unique(used) >> 32) if len(used) else 0
        switches = rotations + len(transform.folds) + sealed * (rotations + 1)
        return cls(rounding, bool(transform.steps.baby.any()), switches, _summed(transform), sealed)


class _Rounding:
    """What weights lose when their plaintexts' coefficients are rounded.

    Most of a rounding error is noise, the same for equal vectors. But where a vector has few
    values, spread over N coefficients, most of these are below 1/2 and become zero, and the
    values shrink.
    """

    def __init__(self, vectors: Vectors, giants: Ints, targets: Ints, repeats: int, dimension: int) -> None:
        rows = np.argsort((vectors != 0).sum(axis=1), kind="stable")[:_SAMPLED_VECTORS]  # the sparsest lose most
        sample = vectors[rows]
        slots = dimension // 2 // repeats
        full = np.tile(sample, (1, slots // sample.shape[1])).repeat(repeats, axis=1)
        self._coefficients = coefficients(full, dimension)
        self._sizes = np.abs([np.roll(row, -giant) for row, giant in zip(sample, giants[rows], strict=True)])
        self._energy = np.maximum(np.square(self._coefficients).sum(axis=1), np.finfo(np.float64).tiny)
        alike = Counter(zip(targets.tolist(), (row.tobytes() for row in vectors), strict=True))
        products = Counter[int]()  # by target; errors of equal vectors add up, those of others average out
        for (target, _), count in alike.items():
            products[target] += count**2
        #: Products whose errors add up in the target that has most.
        self.products = max(products.values())
        self._noise = self.products * dimension / 12
        self._losses: dict[float, float] = {}

    @property
    def least_bits(self) -> int:
        """Bits of the smallest scale at which a coefficient is 1 or more."""
        return math.ceil(-math.log2(np.abs(self._coefficients).max()))

    def variance(self, scale: float) -> float:
        """Variance of an output for inputs of size 1, with weights encoded at `scale`."""
        return self._noise / scale**2 + self._loss(scale)

    def _loss(self, scale: float) -> float:
        """Square of the loss in the slot that loses most, if all its inputs are alike."""
        if scale not in self._losses:
            rounded = np.round(self._coefficients * scale) / scale
            kept = np.einsum("tn,tn->t", rounded, self._coefficients) / self._energy
            self._losses[scale] = float((np.abs(1 - kept) @ self._sizes).max()) ** 2
        return self._losses[scale]


@dataclass(frozen=True)
class _SwitchNoise:
    """Variances of one key switch's noise: of a slot on average, and of slot 0.

    Its division by the special prime rounds, and its digits multiply the errors in the key. SEAL's
    digits lie from 0 to a prime q, not around 0. So each holds a polynomial with all coefficients
    q / 2, which is small in most slots, but in slot 0, at a root next to 1, about N · q / π.
    """

    typical: float
    slot_0: float

    @classmethod
    def of(cls, dimension: int, primes: int, ratio_bits: int) -> "_SwitchNoise":
        """For a ciphertext of so many primes, of which the largest is 2^ratio_bits times the special one."""
        error = dimension * _SIGMA**2 * primes * 4.0**ratio_bits  # of the key, in a slot
        return cls((dimension / 6) ** 2 + error * dimension / 3, error / 2 * (dimension / np.pi) ** 2)

    def through(self, gain: Gain, summed: float) -> Array:
        """The scores' variance, where so many slots add up to each element."""
        return gain.total * summed * self.typical + gain.first * self.slot_0


def _summed(transform: Transform) -> float:
    """How many slots each add their own noise to one output."""
    if not transform.partial:
        return float(2 ** len(transform.folds))
    elements = transform.output.elements
    return float(np.bincount(elements[elements >= 0]).max())


def _most(numbers: Ints) -> int:
    """How often the most frequent of these small numbers occurs."""
    return int(np.bincount(numbers).max())
