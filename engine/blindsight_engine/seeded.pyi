"""SEAL's ciphertexts and keys whose second polynomials are seeds. All bytes are SEAL's own, uncompressed."""

from collections.abc import Sequence

class SecretKey:
    """A secret key, from SEAL's bytes of it; `primes` are those of the chain, the special one last.

    Raises `ValueError` for parameters or bytes that SEAL refuses.
    """

    def __init__(self, ring_dimension: int, primes: Sequence[int], secret: bytes) -> None: ...
    def encrypt(self, plaintext: bytes) -> bytes:
        """A new ciphertext of an encoded plaintext, at the plaintext's level and scale."""

    def relinearisation_key(self) -> bytes:
        """A new relinearisation key."""

    def rotation_keys(self, elements: Sequence[int]) -> bytes:
        """New rotation keys for these Galois elements."""
