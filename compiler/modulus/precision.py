"""How large the error of an encrypted score can get, predicted from the sources of noise.

CKKS is approximate: encryption, rotations and rescaling each add noise. The rounding of plaintexts is taken for
noise too while a chain is searched for; `compiler.modulus.rounding` computes it exactly. The noise's standard
deviations in a slot, before division by the scale, follow the average-case analysis of Costache et al. (2022,
"On the precision loss in approximate homomorphic encryption"); the constants were checked against Pyfhel at
N = 4096 … 16384. The network's own derivatives on calibration inputs (`compiler.modulus.gains`) carry the variances
to the scores.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from common.ckks.embedding import coefficients
from common.plan.layers import Array
from common.plan.walks import passed, walk
from compiler.modulus.chain import Chain
from compiler.modulus.gains import Gain, network_gains
from compiler.search import Candidate
from compiler.stages import Affine, depths
from compiler.steps import Ints
from compiler.transform import Transform, Vectors

#: The standard deviation of a coefficient of an RLWE error.
_SIGMA = 3.2
#: Standard deviations in an error bound. Noise is the product of two Gaussians, a polynomial of errors and the
#: secret's, slot by slot. Its tails are heavier than a Gaussian's: beyond eight standard deviations lies one slot in
#: about 80,000.
_BOUND_SIGMAS = 8.0
#: The share of a score's variance below which products of noise with noise don't count: 0.05 % of the error.
_NEGLIGIBLE = 2.0**-10
#: The variances of noise times itself, and of noise times other noise, over the product of both variances, all of real
#: parts. In a slot noise is the product of two complex Gaussians, that of errors and the secret's. Its fourth moment is
#: four times the square of its second one; of each, half is in the real part: 4 / 2 · 2². Two noises may have the
#: secret's Gaussian in common: 2 / 2 · 2². Their phases are uniform, so that the means are zero.
_OF_SQUARE, _OF_PRODUCT = 8.0, 4.0
#: The smallest variance of a score: a stage on which none depends, for any calibration frame, shows finite precision.
_LEAST_VARIANCE = 2.0**-100
#: Vectors of a stage whose rounding is computed, at most.
_SAMPLED_VECTORS = 48
#: Variances of stages that are remembered: some 20 MB.
_KNOWN_VARIANCES = 1 << 14


class ErrorModel:
    """Predicts score errors of a normalised network for any candidate chain; `folded` for an input that may be so."""

    def __init__(
        self,
        stages: Sequence[Affine],
        candidate: Candidate,
        inputs: Array,
        ring_dimension: int,
        sealed: bool,
        folded: bool,
    ) -> None:
        self._n = ring_dimension
        self._depths = depths(stages)
        self._gains = network_gains(stages, candidate, inputs)
        self._folded = folded
        self._stages = [_StageNoise.of(transform, ring_dimension, sealed) for transform in candidate.transforms]
        # A search changes few scales at a time, so that most stages' variances are known.
        self._variance = lru_cache(_KNOWN_VARIANCES)(self._stage_variance)

    @property
    def least_weight_bits(self) -> tuple[int, ...]:
        """For each depth the scale, in bits, below which all weights of a value there would round to zero."""
        least = [0] * (max(self._depths) + 1)
        for depth, stage in zip(self._depths, self._stages, strict=True):
            least[depth] = max(least[depth], *(rounding.least_bits for rounding in stage.rounding.values()))
        return tuple(least)

    def estimate(self, chain: Chain, rounding: float) -> float:
        """Eight standard deviations of the worst score's error, where the largest score in calibration is 1.

        The errors of rounded weights are taken for noise; their standard deviation counts `rounding` times. Noise is as
        often negative as positive, so that its products with other noise are uncorrelated with it: variances add up.
        """
        first_order = float(np.sum(self._variances(chain, rounding), axis=0).max())
        second_order = self._second_order(chain)
        counts = second_order > _NEGLIGIBLE * first_order
        return _BOUND_SIGMAS * math.sqrt(first_order + second_order * counts)

    def bits_left(self, chain: Chain) -> list[float]:
        """For each stage the precision, in bits, that the scores would have if no later stage added noise.

        It is log2 of the largest score, which is 1, over eight standard deviations of the worst score's error.
        """
        totals = np.cumsum(np.stack(self._variances(chain, 1.0)), axis=0)
        return [-math.log2(_BOUND_SIGMAS * math.sqrt(max(total.max(), _LEAST_VARIANCE))) for total in totals]

    def _variances(self, chain: Chain, rounding: float) -> list[Array]:
        """For each stage the variance (frames, scores) that it adds, and the encryption or rescaling of its inputs."""
        ratio_bits = max(chain.data_prime_bits) - chain.special_bits
        scales = [2.0**bits for bits in chain.scale_bits]
        return [
            self._variance(
                index,
                rounding,
                _SwitchNoise.of(self._n, chain.level(depth) + 1, ratio_bits),
                # Value `index` is rescaled, or encrypted, just before the stages that read it.
                scales[self._depth_of_value(index)],
                tuple(scales[self._depth_of_value(value)] for value in stage.rounding),
                chain.product_scale(depth),
                chain.squared_scale(depth) if depth in chain.early else None,
            )
            for index, (depth, stage) in enumerate(zip(self._depths, self._stages, strict=True))
        ]

    def _depth_of_value(self, value: int) -> int:
        return self._depths[value - 1] + 1 if value else 0

    def _stage_variance(
        self,
        index: int,
        rounding: float,
        switch: "_SwitchNoise",
        own: float,
        read: Sequence[float],
        product: float,
        squared: float | None,
    ) -> Array:
        """The variance that a stage adds. `own` is the scale of value `index`, `read` are those of the values read.

        `squared` is the scale of what is squared behind a rescaling.
        """
        stage, gains = self._stages[index], self._gains[index]
        noise = self._n / 6  # a standard deviation: of an encryption or rescaling, and so of an encrypted weight
        fresh = gains.value.total * noise**2
        if self._folded and not index:
            fresh = np.maximum(fresh, self._unfolded(gains.value, switch))
        total = fresh / own**2
        for (value, own_rounding), scale in zip(stage.rounding.items(), read, strict=True):
            # A rotation that is made from others has the noise of all of them.
            total = total + stage.hops * switch.through(gains.by_input[value], 1.0) / scale**2
            weights = own_rounding.variance(product / scale) * rounding**2
            if stage.sealed:
                weights += own_rounding.products * (noise * scale / product) ** 2
            total = total + gains.output.total * stage.summed * gains.occupancy[value] * weights
        if squared is not None:
            total = total + gains.output.total * (noise / squared) ** 2
        return total + stage.switches * switch.through(gains.output, stage.summed) / product**2

    def _second_order(self, chain: Chain) -> float:
        """Variance of the worst score by products of noise with noise, which derivatives know nothing of.

        By derivatives, a stage on which no score depends needs no precision. But its outputs may then be noise that is
        far larger than values are, and what encrypted weights and squares behind it make of that is in the scores. Key
        switches add too little to the outputs of any chain to count here. Outputs of a stage count as much as they do
        on average.
        """
        noise, total = self._n / 6, 0.0
        outputs: list[float] = []  # variances of the noise in a slot of each stage's output
        for depth, stage, gains in zip(self._depths, self._stages, self._gains, strict=True):
            product = chain.product_scale(depth)
            output = (noise / chain.squared_scale(depth)) ** 2 if depth in chain.early else 0.0
            for value, occupancy in gains.occupancy.items():
                scale = 2.0 ** chain.scale_bits[self._depth_of_value(value)]
                read = (noise / scale) ** 2
                if value:  # (x + e)² = x² + 2xe + e²
                    before = outputs[value - 1]
                    of_square = _OF_SQUARE * before**2
                    read += 4 * math.sqrt(occupancy) * before + of_square
                    total += of_square * gains.by_input[value].largest
                if stage.sealed:
                    weights = stage.summed * stage.rounding[value].products * (noise * scale / product) ** 2
                    of_product = _OF_PRODUCT * weights * read
                    output += weights * occupancy + of_product
                    total += of_product * gains.output.largest
                output += gains.strength[value] * read
            outputs.append(output)
        return total

    def _unfolded(self, gain: Gain, switch: "_SwitchNoise") -> Array:
        """The scores' variance by noise of inputs that were folded, at scale 1 (`common.ckks.folded`).

        It is that of an error's N/2 coefficients, which add up in a slot, half of it in the real part, and of a switch.
        """
        return gain.total * self._n * _SIGMA**2 / 4 + switch.through(gain, 1.0)


@dataclass(frozen=True)
class _StageNoise:
    """The operations by which a transform adds noise; all counts are for the target that has most.

    `rounding` is by value. `hops` are the rotations, one behind the other, by which what is multiplied is made, on
    average. `switches` are key switches of products: giants, folds, and relinearisations of products with encrypted
    weights. `summed` is how many slots add up to an output.
    """

    rounding: Mapping[int, "_Rounding"]
    hops: float
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
        chained, target_of = transform.steps.chained, transform.diagonals.target
        path, baby = walk(np.unique(giants).tolist(), chained), transform.steps.baby
        rotations = max(
            len(passed(path, np.unique(giants[target_of == target]).tolist())) for target in np.unique(target_of)
        )
        # In a walk, a baby has as many rotations behind it as there are smaller ones.
        hops = float(np.searchsorted(np.unique([0, *baby]), baby).mean()) if chained else float(baby.any())
        switches = rotations + len(transform.folds) + sealed * (rotations + 1)
        return cls(rounding, hops, switches, _summed(transform), sealed)


class _Rounding:
    """What weights lose when their plaintexts' coefficients are rounded.

    Most of a rounding error is noise of variance N/12 over the scale's square, the same for equal vectors. But
    where a vector has few values, these are spread over N coefficients, most of which are below 1/2 and become
    zero: the values shrink.
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
    @cache
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
