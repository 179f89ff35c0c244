"""The primes that SEAL makes of a chain's sizes, without SEAL, which must not run before a worker forks.

Of each size it takes the largest that are 1 modulo 2N, as many as the chain has, and gives out the smallest first
(`CoeffModulus::Create`).
"""

from collections import Counter
from functools import cache

from common.errors import ParameterError
from common.parameters import Parameters

#: With these as bases the test of Miller and Rabin errs for no number below 2**64.
_WITNESSES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)


@cache
def primes(parameters: Parameters) -> tuple[int, ...]:
    """q_0 … q_L and the special prime. Raises `ParameterError` where there are too few of a size for the ring."""
    left = {
        bits: _largest(bits, 2 * parameters.ring_dimension, count)
        for bits, count in Counter(parameters.prime_bits).items()
    }
    return tuple(left[bits].pop() for bits in parameters.prime_bits)


def _largest(bits: int, step: int, count: int) -> list[int]:
    """The largest primes of so many bits that are 1 modulo `step`, in descending order."""
    found: list[int] = []
    for candidate in range(((1 << bits) - 1) // step * step + 1, 1 << (bits - 1), -step):
        if _is_prime(candidate):
            found.append(candidate)
            if len(found) == count:
                return found
    raise ParameterError(
        f"there are {len(found)} primes of {bits} bits for ring dimension {step // 2}, and prime_bits asks for {count}"
    )


def _is_prime(number: int) -> bool:
    """Whether an odd number, larger than all witnesses, is prime."""
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
