"""The number-theoretic transform between coefficients and SEAL's residues, for what is sent as coefficients.

SEAL's residue i of a polynomial is its value at ψ^(2·r(i) + 1), where ψ is the smallest primitive 2N-th root of unity
modulo the prime and r reverses the bits of i. The butterflies are those of Longa and Naehrig (2016), the products
Shoup's: with w' = ⌊w · 2^64 / q⌋, a·w − ⌊a·w' / 2^64⌋·q is a·w modulo q, but for a small multiple of q.
"""

from functools import cache

import numpy as np

from common.ckks.packing import Residues

#: Half of a word, in bits, and its mask.
_HALF, _LOW = np.uint64(32), np.uint64(0xFFFF_FFFF)


class Transform:
    """The transform modulo a prime, which is 1 modulo 2N and has at most 60 bits, of polynomials, shape (…, N)."""

    def __init__(self, prime: int, dimension: int) -> None:
        self._prime, self._dimension = prime, dimension
        root = _smallest_root(prime, dimension)
        self._roots = _factors(_powers(root, prime, dimension), prime)
        self._inverse_roots = _factors(_powers(pow(root, -1, prime), prime, dimension), prime)
        self._inverse_dimension = _factors([pow(dimension, -1, prime)], prime)

    def forward(self, coefficients: Residues) -> Residues:
        """SEAL's residues of polynomials with these coefficients."""
        values, groups = coefficients.copy(), 1
        while groups < self._dimension:
            low, high = self._halves(values, groups)
            product = self._product(high, self._roots[:, groups : 2 * groups, np.newaxis])
            low[...], high[...] = self._reduced(low + product), self._reduced(low - product + np.uint64(self._prime))
            groups *= 2
        return values

    def inverse(self, residues: Residues) -> Residues:
        """The coefficients of polynomials with these residues."""
        values, groups = residues.copy(), self._dimension // 2
        while groups:
            low, high = self._halves(values, groups)
            difference = low - high + np.uint64(self._prime)
            low[...] = self._reduced(low + high)
            high[...] = self._product(difference, self._inverse_roots[:, groups : 2 * groups, np.newaxis])
            groups //= 2
        return self._product(values, self._inverse_dimension[:, 0])

    def _halves(self, values: Residues, groups: int) -> tuple[Residues, Residues]:
        """Views of the lower and the upper half of each group, shape (…, groups, half)."""
        grouped = values.reshape(*values.shape[:-1], groups, 2, -1)
        return grouped[..., 0, :], grouped[..., 1, :]

    def _product(self, values: Residues, factors: Residues) -> Residues:
        """Values below 2^64 times `_factors`, modulo the prime."""
        factor, shoup_high, shoup_low = factors
        high, low = values >> _HALF, values & _LOW
        # At most 2 below the upper word of the product with Shoup's factor, whose lowest partial product is left out.
        quotient = high * shoup_high + (high * shoup_low >> _HALF) + (low * shoup_high >> _HALF)
        product = values * factor - quotient * np.uint64(self._prime)  # below 4q
        return self._reduced(np.minimum(product, product - np.uint64(2 * self._prime)))

    def _reduced(self, values: Residues) -> Residues:
        """Values below twice the prime, modulo it: a difference that is below zero wraps to a large number."""
        return np.asarray(np.minimum(values, values - np.uint64(self._prime)))


@cache
def transform(prime: int, dimension: int) -> Transform:
    """The transform modulo a prime; its tables are made once per process."""
    return Transform(prime, dimension)


def _smallest_root(prime: int, dimension: int) -> int:
    """The smallest primitive 2N-th root of unity."""
    candidate = 2
    while True:
        root = pow(candidate, (prime - 1) // (2 * dimension), prime)
        if pow(root, dimension, prime) == prime - 1:
            break
        candidate += 1
    square, roots = root * root % prime, [root]
    for _ in range(dimension - 1):
        roots.append(roots[-1] * square % prime)
    return min(roots)


def _powers(root: int, prime: int, dimension: int) -> list[int]:
    """The powers of the root, in the order of their exponents' reversed bits."""
    powers = [1]
    for _ in range(dimension - 1):
        powers.append(powers[-1] * root % prime)
    bits = dimension.bit_length() - 1
    return [powers[int(f"{index:0{bits}b}"[::-1], 2)] for index in range(dimension)]


def _factors(factors: list[int], prime: int) -> Residues:
    """Factors, and the upper and lower halves of Shoup's words of them, shape (3, factors)."""
    shoup = np.array([(factor << 64) // prime for factor in factors], dtype=np.uint64)
    return np.stack([np.array(factors, dtype=np.uint64), shoup >> _HALF, shoup & _LOW])
