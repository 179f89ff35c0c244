"""Values in slots as residues of a plaintext. It is SEAL's encoding, without SEAL, which would stay in memory.

A plaintext m has the value m(ζ^(3^j)) in slot j, with ζ = e^(iπ/N) (Cheon, Kim, Kim and Song, "Homomorphic encryption
for arithmetic of approximate numbers", 2017, section 3.2). Real values v make m_k = (2/N) Re Σ_j v_j ζ^(-k 3^j).
"""

import numpy as np
from blindsight_engine import Ring

from common.ckks.packing import Residues
from common.ckks.parameters import Parameters
from common.plan.plan import Vector

#: Bits of the largest coefficients that NumPy divides as whole numbers.
_WORD_BITS = 62


class Encoder:
    """Encodes for the parameters whose tables `ring` has."""

    def __init__(self, parameters: Parameters, ring: Ring) -> None:
        self.parameters, self._ring = parameters, ring
        dimension, exponents, exponent = parameters.ring_dimension, [], 1
        for _ in range(parameters.slots):
            exponents.append(exponent)
            exponent = exponent * 3 % (2 * dimension)
        #: Where each slot's root stands among ζ, ζ³, ζ⁵, …; its conjugate stands as far from the end.
        self._places = np.array(exponents) // 2
        self._twist = np.exp(-1j * np.pi / dimension * np.arange(dimension)) / dimension

    def encode(self, slots: Vector, scale: float, level: int) -> Residues | None:
        """Values (slots,) at a scale as residues (level + 1, N); None where each coefficient is rounded to zero."""
        spectrum = np.zeros(self.parameters.ring_dimension)
        spectrum[self._places] = slots
        spectrum[-1 - self._places] = slots
        coefficients = np.rint((np.fft.fft(spectrum) * self._twist).real * scale)
        largest = float(np.abs(coefficients).max())
        if largest == 0:
            return None
        # Numbers of float64 that are longer than a word are whole, and Python's.
        whole = np.array([*map(int, coefficients)]) if largest >= 2.0**_WORD_BITS else coefficients.astype(np.int64)
        rows = [
            self._ring.ntt(number, (whole % prime).astype(np.uint64))
            for number, prime in enumerate(self.parameters.primes[: level + 1])
        ]
        return np.stack(rows)
