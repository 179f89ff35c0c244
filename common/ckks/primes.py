"""The primes that SEAL makes of a chain's sizes, without SEAL, which must not run before a worker forks."""

from collections import Counter
from collections.abc import Sequence
from functools import cache

#: With these as bases the test of Miller and Rabin errs for no number below 2**64.
_WITNESSES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)


def chain_of(prime_bits: Sequence[int], ring_dimension: int) -> tuple[int, ...]:
    """Primes of these sizes (bits): of each the largest, and of those the smallest first (`CoeffModulus::Create`)."""
    left = {bits: [*largest_primes(bits, ring_dimension, count)] for bits, count in Counter(prime_bits).items()}
    return tuple(left[bits].pop() for bits in prime_bits)


@cache
def largest_primes(bits: int, ring_dimension: int, count: int) -> tuple[int, ...]:
    """The `count` largest primes of so many bits that are 1 modulo 2N, descending; as many as there are."""
    found: list[int] = []
    step = 2 * ring_dimension
    for candidate in range(((1 << bits) - 1) // step * step + 1, 1 << (bits - 1), -step):
        if len(found) == count:
            break
        if _is_prime(candidate):
            found.append(candidate)
    return tuple(found)


def _is_prime(number: int) -> bool:
    """Miller and Rabin's test of an odd number between 37 and 2**64."""
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
