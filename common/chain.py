"""The modulus chain: how many bits each prime and each scale gets.

A linear stage multiplies the scale s by the scale w of its weights, the square behind it
squares both, and one prime divides them again (merged rescaling): s' = (s·w)² / q. So with
scales given in bits the primes follow, and a search needs to look at scales alone.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from common.parameters import MAX_PRIME_BITS, MIN_PRIME_BITS

_FIRST_SCALE_BITS, _FIRST_WEIGHT_BITS = 20, 8
#: A special prime larger than the others by this much leaves only rounding in a key switch.
_SPECIAL_MARGIN_BITS = 8


@dataclass(frozen=True)
class Chain:
    """Scales of ciphertexts and weights in bits, and the primes they need.

    Element d is for the stages with d squares before them; parallel stages share their scales, so
    that a residual connection only needs weights at another scale.

    `peak_bits` is the size of the largest slot of the last product, `max_bits` the bound on the
    whole modulus.
    """

    scale_bits: tuple[int, ...]
    weight_bits: tuple[int, ...]
    peak_bits: int
    max_bits: int

    @staticmethod
    def may_fit(stages: int, max_bits: int) -> bool:
        """Whether primes of the smallest size for this many linear stages in sequence fit at all."""
        return (stages + 1) * MIN_PRIME_BITS <= max_bits

    @property
    def data_prime_bits(self) -> tuple[int, ...]:
        """Sizes of q_0 … q_L: q_0 holds the last product with its sign, the others rescale."""
        products = [s + w for s, w in zip(self.scale_bits, self.weight_bits, strict=True)]
        rescaling = [2 * product - after for product, after in zip(products, self.scale_bits[1:], strict=False)]
        return (products[-1] + self.peak_bits + 1, *reversed(rescaling))

    @property
    def special_bits(self) -> int:
        """The special prime: as large as the bound allows, up to where it stops helping."""
        left = self.max_bits - sum(self.data_prime_bits)
        return min(MAX_PRIME_BITS, left, max(self.data_prime_bits) + _SPECIAL_MARGIN_BITS)

    @property
    def prime_bits(self) -> tuple[int, ...]:
        """q_0 … q_L and the special prime."""
        return (*self.data_prime_bits, self.special_bits)

    @property
    def feasible(self) -> bool:
        """Whether SEAL has such primes, and the special one isn't the smallest."""
        data = self.data_prime_bits
        return min(data) >= MIN_PRIME_BITS and max(data) <= min(MAX_PRIME_BITS, self.special_bits)


def shortest_chain(
    least_weight_bits: tuple[int, ...],
    peak_bits: int,
    max_bits: int,
    error: Callable[[Chain], float],
    budget: float,
) -> Chain | None:
    """The shortest chain found whose error is within the budget; None when none is secure.

    Greedy: from the smallest scales on, whichever bit lowers the error most for what it costs.
    The logarithm of the error is close to convex in the bits, so this ends near the optimum.
    `least_weight_bits` are the scales at which no stage's weights all round to zero.
    """
    first_weights = tuple(max(bits, _FIRST_WEIGHT_BITS) for bits in least_weight_bits)
    chain = Chain((_FIRST_SCALE_BITS,) * len(first_weights), first_weights, peak_bits, max_bits)
    if max(first_weights) > MAX_PRIME_BITS or sum(chain.data_prime_bits) >= max_bits:
        return None
    current = error(chain)
    while current > budget or not chain.feasible:
        steps = [(error(step), step) for step in _steps(chain) if step.feasible or _may_become(chain, step)]
        gains = [(_worth(current - after, chain, step), after, step) for after, step in steps if after < current]
        if not gains:
            return None
        _, current, chain = max(gains, key=lambda gain: gain[0])
    return chain


def _may_become(chain: Chain, step: Chain) -> bool:
    """Whether a step to a chain that isn't feasible may lead to one that is: primes never shrink in sum."""
    return not chain.feasible and sum(step.data_prime_bits) + MIN_PRIME_BITS <= step.max_bits


def _steps(chain: Chain) -> Iterator[Chain]:
    """One scale larger by one bit; or by more, since weights that round to zero need several at once; or all."""
    for index in range(len(chain.scale_bits)):
        for more in (1, 2, 4, 8):
            yield replace(chain, scale_bits=_add_bits(chain.scale_bits, index, more))
            yield replace(chain, weight_bits=_add_bits(chain.weight_bits, index, more))
    # One prime that grows alone comes near the special one and only adds noise; all together may pay.
    for scale, weight in ((1, 0), (0, 1), (1, 1), (2, 1), (2, 2)):
        scales = tuple(bits + scale for bits in chain.scale_bits)
        yield replace(chain, scale_bits=scales, weight_bits=tuple(bits + weight for bits in chain.weight_bits))


def _add_bits(bits: tuple[int, ...], index: int, more: int) -> tuple[int, ...]:
    return (*bits[:index], bits[index] + more, *bits[index + 1 :])


def _worth(gain: float, before: Chain, after: Chain) -> float:
    """Error removed per bit of data primes; a step that costs none still counts a little."""
    return gain / max(sum(after.data_prime_bits) - sum(before.data_prime_bits), 0.25)
