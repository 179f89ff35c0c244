"""The search for the shortest modulus chain that is precise enough.

It is greedy: it begins with the smallest scales and adds the bit that lowers the error most for the bits of primes that
it costs, again and again. The logarithm of the error is close to convex in the bits, so the search ends near the
optimum.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import combinations, count, product

import numpy as np
from numpy.typing import NDArray

from common.ckks.parameters import MAX_PRIME_BITS, MIN_PRIME_BITS
from compiler.modulus.chain import SMALLEST_PRIMES, Chain, feasible

#: Bits of the smallest scale of ciphertexts, with which the search begins.
FIRST_SCALE_BITS = 20
#: Bits of the smallest scale of weights, with which the search begins.
FIRST_WEIGHT_BITS = 8
#: Scales that change together at most, where bits are exchanged.
_EXCHANGED = 3

#: Changes of a chain's bits, a row each: those of its scales, then of its weights, then of its squares.
_Changes = NDArray[np.int64]


class ChainPath:
    """The chains that the search comes past, each with a smaller error than the one before.

    What is looked for decides how far the search goes, not which way: so it goes on where the last call left it.
    `error` is relative to the largest score. `least_weight_bits` are, by depth, the smallest scales in bits at which
    not all weights of a value round to zero. The stages at the depths `early` rescale before they square.
    """

    def __init__(
        self,
        least_weight_bits: tuple[int, ...],
        early: tuple[int, ...],
        peak_bits: int,
        max_bits: int,
        error: Callable[[Chain], float],
    ) -> None:
        self._error = error
        first = _first(least_weight_bits, early, peak_bits, max_bits)
        self._known = [] if first is None else [(error(first), first)]
        self._ended = first is None

    def shortest(self, budget: float) -> Chain | None:
        """The first chain of the path that there are primes for and whose error is within the budget; None if none."""
        for number in count():
            if number == len(self._known) and not self._go_on():
                return None
            error, chain = self._known[number]
            if error <= budget and chain.feasible:
                return chain
        raise AssertionError

    def _go_on(self) -> bool:
        """Find the next chain; False where there is none."""
        if self._ended:
            return False
        current, chain = self._known[-1]
        depths, before = len(chain.scale_bits), sum(chain.data_prime_bits)
        changes, primes = _possible(chain, _steps(depths, chain.early), may_become=not chain.feasible)
        costs = np.maximum(primes.sum(axis=1) - before, 0.25)  # a step that costs none still counts a little
        gains = self._gains(current, chain, changes, costs)
        if not gains and chain.early:  # the modulus is full, but may be better divided
            changes, _ = _possible(chain, _exchanges(2 * depths + len(chain.early)), may_become=False)
            gains = self._gains(current, chain, changes, np.ones(len(changes)))
        self._ended = not gains
        if gains:
            _, after, step = max(gains, key=lambda gain: gain[0])
            self._known.append((after, step))
        return bool(gains)

    def _gains(
        self, current: float, chain: Chain, changes: _Changes, costs: NDArray[np.float64]
    ) -> list[tuple[float, float, Chain]]:
        """Of each change that lowers the error: how much it does for what it costs, the error, and the chain."""
        steps = [_changed(chain, change) for change in changes]
        errors = [self._error(step) for step in steps]
        return [
            ((current - after) / cost, after, step)
            for step, after, cost in zip(steps, errors, costs.tolist(), strict=True)
            if after < current
        ]


def _first(least_weight_bits: tuple[int, ...], early: tuple[int, ...], peak_bits: int, max_bits: int) -> Chain | None:
    # With these, early rescalings have the smallest primes of which there are enough; steps then keep them feasible.
    smallest = MIN_PRIME_BITS + (2 * len(early) > SMALLEST_PRIMES)
    least = [smallest if depth in early else FIRST_WEIGHT_BITS for depth in range(len(least_weight_bits))]
    weights = tuple(map(max, least, least_weight_bits))
    scales = (smallest if early else FIRST_SCALE_BITS,) * len(weights)
    chain = Chain(scales, weights, early, scales[: len(early)], peak_bits, max_bits)
    return None if max(weights) > MAX_PRIME_BITS or sum(chain.data_prime_bits) >= max_bits else chain


def _possible(chain: Chain, changes: _Changes, may_become: bool) -> tuple[_Changes, NDArray[np.int64]]:
    """The changes after which there are primes for the chain, and those primes' sizes in bits.

    With `may_become` also changes after which there may be, once more bits are added: primes never shrink in sum.
    """
    before = np.array(chain.data_prime_bits)
    primes = before + changes @ _primes_by_bit(len(chain.scale_bits), chain.early)
    possible = feasible(primes, chain.max_bits)
    if may_become:
        possible |= primes.sum(axis=1) + MIN_PRIME_BITS <= chain.max_bits
    return changes[possible], primes[possible]


@cache
def _primes_by_bit(depths: int, early: tuple[int, ...]) -> NDArray[np.int64]:
    """By how many bits each prime grows with one bit more of each scale, weight and square, which is linear."""
    zeros = (0,) * depths
    chain = Chain(zeros, zeros, early, zeros[: len(early)], 0, 0)
    before = np.array(chain.data_prime_bits)
    units = np.eye(2 * depths + len(early), dtype=np.int64)
    return np.array([np.array(_changed(chain, unit).data_prime_bits) - before for unit in units])


@cache
def _steps(depths: int, early: tuple[int, ...]) -> _Changes:
    """One scale larger by one bit; or by more, since weights that round to zero need several at once; or all."""
    scales, weights, squares = np.split(np.eye(2 * depths + len(early), dtype=np.int64), [depths, 2 * depths])
    steps = [more * bit for pair in zip(scales, weights, strict=True) for more in (1, 2, 4, 8) for bit in pair]
    # One prime that grows alone comes near the special one and only adds noise; all together may pay.
    for scale, weight in ((1, 0), (0, 1), (1, 1), (2, 1), (2, 2)):
        steps.append(scale * scales.sum(axis=0) + weight * weights.sum(axis=0))
    # Around an early rescaling one scale alone makes a prime smaller than there are any.
    for index, depth in enumerate(early):
        bits = np.stack([scales[depth], weights[depth], squares[index], scales[depth + 1]])
        steps += [np.array(more) @ bits for more in product(range(3), repeat=len(bits))]
    return np.stack(steps)


@cache
def _exchanges(bits: int) -> _Changes:
    """Up to three scales larger or smaller by one bit, each set of changes once."""
    changes: dict[tuple[tuple[int, int], ...], None] = {}
    for which in combinations(range(bits), _EXCHANGED):
        for signs in product((-1, 0, 1), repeat=_EXCHANGED):
            changes[tuple((bit, sign) for bit, sign in zip(which, signs, strict=True) if sign)] = None
    rows = np.zeros((len(changes), bits), dtype=np.int64)
    for row, change in enumerate(changes):
        for bit, sign in change:
            rows[row, bit] = sign
    return rows


def _changed(chain: Chain, change: NDArray[np.int64]) -> Chain:
    bits, scales = np.array([*chain.scale_bits, *chain.weight_bits, *chain.square_bits]), len(chain.scale_bits)
    changed = tuple((bits + change).tolist())
    return replace(
        chain,
        scale_bits=changed[:scales],
        weight_bits=changed[scales : 2 * scales],
        square_bits=changed[2 * scales :],
    )
