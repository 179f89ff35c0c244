"""How much noise the operations of one stage add, and what its weights lose when they are rounded."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from common.ckks.embedding import coefficients
from common.plan.layers import Array
from common.plan.walks import passed, walk
from compiler.modulus.gains import Gain
from compiler.steps import Ints
from compiler.transform import Transform, Vectors

#: The standard deviation of a coefficient of an RLWE error.
SIGMA = 3.2
#: Vectors of a stage whose rounding is computed, at most.
_SAMPLED_VECTORS = 48


@dataclass(frozen=True)
class StageNoise:
    """The operations by which a transform adds noise; all counts are for the target that has most.

    `rounding` is by value. `hops` are the rotations, one behind the other, by which what is multiplied is made, on
    average. `switches` are key switches of products: giants, folds, and relinearisations of products with encrypted
    weights. `summed` is how many slots add up to an output.
    """

    rounding: Mapping[int, "Rounding"]
    hops: float
    switches: int
    summed: float
    sealed: bool

    @classmethod
    def of(cls, transform: Transform, dimension: int, sealed: bool) -> "StageNoise":
        vectors = transform.vectors()
        value_of = np.array([value for value, _ in transform.sources])[transform.diagonals.source]
        giants = transform.steps.giant
        # Each frame of a ciphertext that holds several has fewer slots, and its vector repeats over the frames.
        repeats = dimension // 2 // transform.output.slots
        rounding = {
            int(value): Rounding(
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


class Rounding:
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
class SwitchNoise:
    """Variances of one key switch's noise: of a slot on average, and of slot 0.

    Its division by the special prime rounds, and its digits multiply the errors in the key. SEAL's
    digits lie from 0 to a prime q, not around 0. So each holds a polynomial with all coefficients
    q / 2, which is small in most slots, but in slot 0, at a root next to 1, about N · q / π.
    """

    typical: float
    slot_0: float

    @classmethod
    @cache
    def of(cls, dimension: int, primes: int, ratio_bits: int) -> "SwitchNoise":
        """For a ciphertext of so many primes, of which the largest is 2^ratio_bits times the special one."""
        error = dimension * SIGMA**2 * primes * 4.0**ratio_bits  # of the key, in a slot
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
