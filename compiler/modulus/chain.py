"""The modulus chain: how many bits each prime and each scale gets.

A linear stage multiplies the scale s by the scale w of its weights, the square behind it
squares both, and one prime divides them again (merged rescaling): s' = (s·w)² / q. So with
scales given in bits the primes follow, and a search needs to look at scales alone.

Encrypted weights need scales so large that a merged rescaling wastes modulus. A stage may then
rescale before its square too: t = s·w / q, s' = t² / q'. It costs a level, and saves as many bits
as t is smaller than s·w.

Primes aren't powers of two. What each lacks makes the scale behind it larger, and each square doubles that: through
many squares, scales outgrow q_0. There the scales of weights make up for it (`Chain.corrected`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from common.ckks.parameters import MAX_PRIME_BITS, MIN_PRIME_BITS
from common.ckks.primes import chain_of

#: Bits of the smallest prime of a merged rescaling.
_LEAST_MERGED_BITS = 30
#: Primes of the smallest size that every ring has; N = 32768 has no more.
SMALLEST_PRIMES = 8
#: Bits by which the special prime may be larger than the others; from there on a key switch only adds rounding.
_SPECIAL_MARGIN_BITS = 8
#: Bits by which the last product's scale may exceed a power of two; with more, scales of weights are corrected.
_MOST_DRIFT_BITS = 0.125


@dataclass(frozen=True)
class Chain:
    """Scales of ciphertexts and weights in bits, and the primes they need.

    Element d is for the stages with d squares before them; parallel stages share their scales, so
    that a residual connection only needs weights at another scale.

    The stages at the depths `early` rescale before they square, to the scales `square_bits`; the others
    square their products as they are. `peak_bits` is the size of the largest slot of the last product,
    `max_bits` the bound on the whole modulus.

    `lacking_bits` are empty, or by depth what the scales of weights lack of 2^weight_bits, and the scales of what is
    squared of 2^square_bits.
    """

    scale_bits: tuple[int, ...]
    weight_bits: tuple[int, ...]
    early: tuple[int, ...]
    square_bits: tuple[int, ...]
    peak_bits: int
    max_bits: int
    lacking_bits: tuple[tuple[float, float], ...] = ()

    @staticmethod
    def may_fit(stages: int, early: int, max_bits: int) -> bool:
        """Whether primes of the smallest size for so many stages in sequence and early rescalings fit at all."""
        least = MIN_PRIME_BITS if early else _LEAST_MERGED_BITS
        return (stages + early + 1) * least <= max_bits

    def product_bits(self, depth: int) -> int:
        """Scale of the products of the stages at this depth, in bits."""
        return self.scale_bits[depth] + self.weight_bits[depth]

    def squared_bits(self, depth: int) -> int:
        """Scale of what is squared behind the stages at this depth, in bits."""
        return self.square_bits[self.early.index(depth)] if depth in self.early else self.product_bits(depth)

    def weight_scale(self, depth: int) -> float:
        """Scale of the weights of the stages at this depth, for values at `scale_bits`."""
        return 2.0 ** (self.weight_bits[depth] - (self.lacking_bits[depth][0] if self.lacking_bits else 0))

    def product_scale(self, depth: int) -> float:
        """Scale of the products of the stages at this depth."""
        return 2.0 ** self.scale_bits[depth] * self.weight_scale(depth)

    def squared_scale(self, depth: int) -> float:
        """Scale of what is squared behind the stages at this depth."""
        return 2.0 ** (self.squared_bits(depth) - (self.lacking_bits[depth][1] if self.lacking_bits else 0))

    def true_scales(self, primes: Sequence[int]) -> tuple[list[float], list[float]]:
        """Scales of values and of products by depth, with these primes q_0 … q_L; that of the scores is the last.

        Behind the last product, which isn't squared, there is no value.
        """
        values, products = [2.0 ** self.scale_bits[0]], list[float]()
        for depth in range(len(self.scale_bits)):
            products.append(values[depth] * self.weight_scale(depth))
            level, squared = self.level(depth), products[depth]
            if depth in self.early:
                level, squared = level - 1, squared / primes[level]
            if level:
                values.append(squared * squared / primes[level])  # infinite where scales drift far, and no error
        return values, products

    def corrected(self, ring_dimension: int) -> "Chain":
        """The chain with scales of weights with which values have powers of two for scales, for the primes of a ring.

        It is the chain itself where scales hardly drift without that.
        """
        primes = chain_of(self.prime_bits, ring_dimension)
        last = len(self.scale_bits) - 1
        if math.log2(self.true_scales(primes)[1][last]) - self.product_bits(last) <= _MOST_DRIFT_BITS:
            return self
        lacks = [bits - math.log2(prime) for bits, prime in zip(self.data_prime_bits, primes[:-1], strict=True)]
        lacking_bits: list[tuple[float, float]] = []
        for depth in range(last):
            first = lacks[self.level(depth)] if depth in self.early else 0.0
            second = lacks[self.level(depth + 1) + 1]
            lacking_bits.append((first + second / 2, second / 2))
        return replace(self, lacking_bits=(*lacking_bits, (0.0, 0.0)))

    def level(self, depth: int) -> int:
        """The level of the stages at this depth."""
        return stage_level(depth, len(self.scale_bits) - 1, self.early)

    @cached_property
    def data_prime_bits(self) -> tuple[int, ...]:
        """Sizes of the primes q_0 … q_L in bits: q_0 holds the last product with its sign, the others rescale."""
        last = len(self.scale_bits) - 1
        rescaling: list[int] = []  # in the order in which they are dropped
        for depth in range(last):
            squared = self.squared_bits(depth)
            if depth in self.early:
                rescaling.append(self.product_bits(depth) - squared)
            rescaling.append(2 * squared - self.scale_bits[depth + 1])
        return (self.product_bits(last) + self.peak_bits + 1, *reversed(rescaling))

    @property
    def special_bits(self) -> int:
        """Size of the special prime in bits: as large as the bound allows, up to where it stops helping."""
        left = self.max_bits - sum(self.data_prime_bits)
        return min(MAX_PRIME_BITS, left, max(self.data_prime_bits) + _SPECIAL_MARGIN_BITS)

    @property
    def prime_bits(self) -> tuple[int, ...]:
        """Sizes of q_0 … q_L and of the special prime, in bits."""
        return (*self.data_prime_bits, self.special_bits)

    @property
    def feasible(self) -> bool:
        """Whether SEAL has such primes, and the special one isn't the smallest."""
        return bool(feasible(np.array([self.data_prime_bits]), self.max_bits)[0])


def feasible(data_prime_bits: NDArray[np.int64], max_bits: int) -> NDArray[np.bool_]:
    """Whether SEAL has primes of these sizes, of one chain in each row, and the special one isn't the smallest."""
    least, largest = data_prime_bits.min(axis=1), data_prime_bits.max(axis=1)
    enough = (data_prime_bits == MIN_PRIME_BITS).sum(axis=1) <= SMALLEST_PRIMES
    special = np.minimum(max_bits - data_prime_bits.sum(axis=1), largest + _SPECIAL_MARGIN_BITS)
    there: NDArray[np.bool_] = enough & (least >= MIN_PRIME_BITS) & (largest <= np.minimum(MAX_PRIME_BITS, special))
    return there


def stage_level(depth: int, last: int, early: Sequence[int]) -> int:
    """The level of a stage at `depth`; `last` is the largest depth, and stages at the depths `early` rescale twice."""
    return last - depth + sum(one >= depth for one in early)
