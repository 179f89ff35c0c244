"""Seeds back to the polynomials that were drawn from them: SEAL draws them as it loads what has a seed."""

import threading
from functools import cache

from common.ckks.fhe import Context
from common.ckks.packing import Residues
from common.ckks.parameters import Parameters
from common.ckks.seal_format import Seeded


class Expander:
    """Expands seeds for a chain of primes. Threads may share it."""

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
def expander(parameters: Parameters) -> Expander:
    """The expander for these parameters, one per process: like every context it is made after the fork."""
    return Expander(parameters)
