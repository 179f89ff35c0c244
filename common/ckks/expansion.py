"""Seeds back to the polynomials that were drawn from them, as SEAL draws them when it loads what has a seed.

The native engine's extension draws the same several times faster, where it is installed: neither seeds nor what is
drawn from them are secret.
"""

import threading
from functools import cache

import numpy as np

from common.ckks.fhe import Context
from common.ckks.packing import Residues
from common.ckks.parameters import Parameters
from common.ckks.seal_format import Seeded

try:
    import blindsight_engine as _native
except ImportError:
    _native = None  # type: ignore[assignment]


class NativeExpander:
    """Expands seeds for a chain of primes without SEAL. Threads may share it. `path` is one of the extension's."""

    def __init__(self, parameters: Parameters, path: str = "") -> None:
        self._ring = _native.Ring(parameters.log_ring_dimension, parameters.primes, path)

    def ciphertext(self, seeded: Seeded) -> Residues:
        """The residues, shape (2, level + 1, N), of a ciphertext."""
        return np.stack([seeded.first, self._ring.expand(seeded.seed, len(seeded.first))])

    def part_of_key(self, seeded: Seeded) -> Residues:
        """The residues, shape (2, primes, N), of a part of a key."""
        return self.ciphertext(seeded)


class SealExpander:
    """Expands seeds for a chain of primes with SEAL. Threads may share it."""

    def __init__(self, parameters: Parameters) -> None:
        self._context, self._turn = Context(parameters), threading.Lock()

    def ciphertext(self, seeded: Seeded) -> Residues:
        """The residues, shape (2, level + 1, N), of a ciphertext."""
        return self._context.save_ciphertext(self._context.load_seeded(seeded, 1.0))

    def part_of_key(self, seeded: Seeded) -> Residues:
        """The residues, shape (2, primes, N), of a part of a key. To SEAL it is what a public key is."""
        with self._turn:
            self._context.load_seeded_public_key(seeded)
            return self._context.save_public_key()


@cache
def expander(parameters: Parameters) -> NativeExpander | SealExpander:
    """The expander for these parameters, one per process. SEAL's is made after the fork, like every context."""
    return SealExpander(parameters) if _native is None else NativeExpander(parameters)
