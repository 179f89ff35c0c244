"""Values in slots as coefficients of a plaintext and back, in real numbers: the canonical embedding.

A plaintext m of dimension N has the value m(ζ^(3^j)) in slot j, with ζ = exp(iπ / N), and the conjugate of it at the
conjugate root (Cheon, Kim, Kim and Song, "Homomorphic encryption for arithmetic of approximate numbers", ASIACRYPT
2017, section 3.2). An FFT computes all N of them.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]


def coefficients(slots: NDArray[Any], dimension: int) -> Reals:
    """The coefficients (n, dimension) of plaintexts with these real values in their slots (n, dimension / 2).

    They are at scale 1, and not rounded.
    """
    values, places = np.zeros((len(slots), dimension)), _places(dimension)
    values[:, places] = values[:, dimension - 1 - places] = slots
    real: Reals = (np.fft.fft(values, axis=1) / dimension * _twist(dimension)).real
    return real


def slots_of(plaintexts: Reals, dimension: int) -> Reals:
    """Real parts of what plaintexts with these coefficients (n, dimension) hold in their slots (n, dimension / 2)."""
    values: Reals = np.fft.ifft(plaintexts * dimension / _twist(dimension), axis=1).real
    return values[:, _places(dimension)]


@cache
def _places(dimension: int) -> NDArray[np.int64]:
    """The place of each slot among the odd powers of ζ: slot j stands at the root ζ^(3^j)."""
    exponents = np.array([pow(3, slot, 2 * dimension) for slot in range(dimension // 2)])
    return (exponents - 1) // 2


@cache
def _twist(dimension: int) -> NDArray[np.complex128]:
    """What makes a transform over all powers of a root one over the odd powers of its square root."""
    twist: NDArray[np.complex128] = np.exp(-1j * np.pi * np.arange(dimension) / dimension)
    return twist
