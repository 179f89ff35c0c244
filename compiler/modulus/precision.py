"""How large the error of an encrypted score can get, predicted from the sources of noise.

CKKS is approximate: encryption, rotations and rescaling each add noise. The rounding of plaintexts is taken for
noise too while a chain is searched for; `compiler.modulus.rounding` computes it exactly. The noise's standard
deviations in a slot, before division by the scale, follow the average-case analysis of Costache et al. (2022,
"On the precision loss in approximate homomorphic encryption"); the constants were checked against Pyfhel at
N = 4096 … 16384. The network's own derivatives on calibration inputs (`compiler.modulus.gains`) carry the variances
to the scores.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from common.plan.layers import Array
from compiler.modulus.chain import Chain
from compiler.modulus.gains import Gain, network_gains
from compiler.modulus.stage_noise import SIGMA, StageNoise, SwitchNoise
from compiler.search import Candidate
from compiler.stages import Affine, depths, value_depths

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
        self._depths, self._value_depths = depths(stages), value_depths(stages)
        self._gains = network_gains(stages, candidate, inputs)
        self._folded = folded
        self._stages = [StageNoise.of(transform, ring_dimension, sealed) for transform in candidate.transforms]
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
                SwitchNoise.of(self._n, chain.level(depth) + 1, ratio_bits),
                # Value `index` is rescaled, or encrypted, just before the stages that read it.
                scales[self._value_depths[index]],
                tuple(scales[self._value_depths[value]] for value in stage.rounding),
                chain.product_scale(depth),
                chain.squared_scale(depth) if depth in chain.early else None,
            )
            for index, (depth, stage) in enumerate(zip(self._depths, self._stages, strict=True))
        ]

    def _stage_variance(
        self,
        index: int,
        rounding: float,
        switch: SwitchNoise,
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
                scale = 2.0 ** chain.scale_bits[self._value_depths[value]]
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

    def _unfolded(self, gain: Gain, switch: SwitchNoise) -> Array:
        """The scores' variance by noise of inputs that were folded, at scale 1 (`common.ckks.folded`).

        It is that of an error's N/2 coefficients, which add up in a slot, half of it in the real part, and of a switch.
        """
        return gain.total * self._n * SIGMA**2 / 4 + switch.through(gain, 1.0)
