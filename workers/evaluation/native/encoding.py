"""Values in slots as residues of a plaintext. It is SEAL's encoding, without SEAL, which would stay in memory."""

import numpy as np
from blindsight_engine import Ring

from common.ckks.embedding import coefficients
from common.ckks.packing import Residues
from common.ckks.parameters import Parameters
from common.plan.stage import Vector

#: Bits of the largest coefficients that NumPy divides as whole numbers.
_WORD_BITS = 62


class Encoder:
    """Encodes for the parameters whose tables `ring` has."""

    def __init__(self, parameters: Parameters, ring: Ring) -> None:
        self.parameters, self._ring = parameters, ring

    def encode(self, slots: Vector, scale: float, level: int) -> Residues | None:
        """Values (slots,) at a scale as residues (level + 1, N); None where each coefficient is rounded to zero."""
        rounded = np.rint(coefficients(slots[None], self.parameters.ring_dimension)[0] * scale)
        largest = float(np.abs(rounded).max())
        if largest == 0:
            return None
        # Numbers of float64 that are longer than a word are whole, and Python's.
        whole = np.array([*map(int, rounded)]) if largest >= 2.0**_WORD_BITS else rounded.astype(np.int64)
        rows = [
            self._ring.ntt(number, (whole % prime).astype(np.uint64))
            for number, prime in enumerate(self._ring.primes[: level + 1])
        ]
        return np.stack(rows)
