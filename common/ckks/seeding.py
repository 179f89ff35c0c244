"""Ciphertexts and evaluation keys whose second polynomials are uniform, and sent as the seeds they were drawn from.

A ciphertext under the secret key is (-(a·s + e) + m, a) with a uniform `a`, which 64 bytes stand for: half of the
bytes, and less noise than under the public key. Whoever loads it needs nothing of this: SEAL draws `a` again.

SEAL does all of it (`encrypt_symmetric` and `create_*_keys` as `Serializable`), which Pyfhel doesn't show. So the
extension `blindsight_engine.seeded` does, which is linked against Pyfhel's own SEAL. It need not be installed.
"""

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from common.ckks import seal_format
from common.ckks.parameters import Parameters
from common.ckks.seal_format import Seeded

if TYPE_CHECKING:
    from blindsight_engine.seeded import SecretKey


class Seeding:
    """What the holder of a secret key makes with seeds; each is drawn anew by SEAL."""

    def __init__(self, parameters: Parameters, key: "SecretKey") -> None:
        self._parameters, self._key = parameters, key

    def encrypt(self, encoded: bytes) -> Seeded:
        """Encrypt what `Context.encoded` made."""
        return seal_format.read_seeded(self._key.encrypt(encoded))

    def relinearisation_key(self) -> list[Seeded]:
        """The parts of a new relinearisation key."""
        return next(parts for _, parts in seal_format.read_seeded_keys(self._key.relinearisation_key()))

    def rotation_keys(self, steps: Iterable[int]) -> dict[int, list[Seeded]]:
        """The parts of a new key for a rotation by each of the steps (slots)."""
        elements = {step: self._parameters.galois_element(step) for step in sorted(steps)}
        if not elements:
            return {}
        by_index = dict(seal_format.read_seeded_keys(self._key.rotation_keys(list(elements.values()))))
        return {step: by_index[seal_format.galois_index(element)] for step, element in elements.items()}


def seeding_of(parameters: Parameters, secret: bytes) -> Seeding | None:
    """What makes ciphertexts and keys under a secret key, in SEAL's bytes; None where the extension isn't installed."""
    kind = _extension()
    return None if kind is None else Seeding(parameters, kind(parameters.ring_dimension, parameters.primes, secret))


@cache
def _extension() -> "type[SecretKey] | None":
    try:
        from blindsight_engine.seeded import SecretKey
    except ImportError:
        return None
    return SecretKey
