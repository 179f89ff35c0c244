"""The primes of a modulus chain, as SEAL chooses them. SEAL itself must not run before a worker forks."""

from collections import Counter
from collections.abc import Sequence
from functools import cache

#: Bases with which the test of Miller and Rabin errs for no number below 2**64 (Sorenson and Webster, 2015).
_WITNESSES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)


def chain_of(prime_bits: Sequence[int], ring_dimension: int) -> tuple[int, ...]:
    """One prime for each of these sizes (bits), in their order, as SEAL's `CoeffModulus::Create` chooses them.

    A size that occurs k times gets the k largest primes of that size, the smallest of them first.
    """
    primes = {bits: [*largest_primes(bits, ring_dimension, count)] for bits, count in Counter(prime_bits).items()}
    return tuple(primes[bits].pop() for bits in prime_bits)


@cache
def largest_primes(bits: int, ring_dimension: int, count: int) -> tuple[int, ...]:
    """The largest primes of `bits` bits that are 1 modulo 2N, descending: `count`, or fewer where no more exist."""
    primes: list[int] = []
    step = 2 * ring_dimension
    for candidate in range(((1 << bits) - 1) // step * step + 1, 1 << (bits - 1), -step):
        if len(primes) == count:
            break
        if _is_prime(candidate):
            primes.append(candidate)
    return tuple(primes)


def _is_prime(number: int) -> bool:
    """The test of Miller and Rabin, for an odd number between 37 and 2**64."""
    odd, halvings = number - 1, 0
    while not odd % 2:
        odd, halvings = odd // 2, halvings + 1
    return all(_passes(number, witness, odd, halvings) for witness in _WITNESSES)


def _passes(number: int, witness: int, odd: int, halvings: int) -> bool:
    power = pow(witness, odd, number)
    if power in (1, number - 1):
        return True
    for _ in range(halvings - 1):
        power = power * power % number
        if power == number - 1:
            return True
    return False
