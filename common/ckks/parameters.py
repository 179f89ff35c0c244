"""CKKS parameters, and the security floor that they can't go below."""

import hashlib
import math
from collections import Counter

import msgspec

from common.ckks.primes import chain_of, largest_primes
from common.errors import InsecureError, ParameterError

#: Largest modulus, in bits, for a ring dimension at 128, 192 and 256 bits of security, with a ternary secret and
#: against classical attacks; the special prime of the key switch counts. Bossuat et al., "Security Guidelines for
#: Implementing Homomorphic Encryption" (2024, eprint 2024/463), table 5.2, as their authors' repository has it. These
#: bounds are stricter than those of Albrecht et al., "Homomorphic Encryption Standard" (2018), table 1, throughout; the
#: two for N = 1024 that the guidelines lack are the Standard's.
MAX_MODULUS_BITS: dict[int, dict[int, int]] = {
    128: {1024: 26, 2048: 53, 4096: 106, 8192: 214, 16384: 430, 32768: 868},
    192: {1024: 19, 2048: 36, 4096: 73, 8192: 147, 16384: 297, 32768: 597},
    256: {1024: 14, 2048: 27, 4096: 56, 8192: 114, 16384: 230, 32768: 462},
}
#: Bits of security that a plan can have.
SECURITY_LEVELS = tuple(MAX_MODULUS_BITS)
#: Ring dimensions that networks are compiled for; smaller rings have no room for a square.
RING_DIMENSIONS = (4096, 8192, 16384, 32768)
#: Bits of the largest prime that SEAL allows.
MAX_PRIME_BITS = 60
#: Bits of the smallest prime of a chain: of fewer bits there are hardly any primes that are 1 modulo 2 · 32768.
MIN_PRIME_BITS = 23


def max_modulus_bits(security_bits: int, ring_dimension: int) -> int:
    """Bits of the largest modulus that is secure. Raises `ParameterError` for an unknown security level or ring."""
    bounds = MAX_MODULUS_BITS.get(security_bits)
    if bounds is None:
        levels = ", ".join(map(str, SECURITY_LEVELS))
        raise ParameterError(f"security_bits is {security_bits}; choose one of {levels}")
    if ring_dimension not in bounds:
        rings = ", ".join(map(str, bounds))
        raise ParameterError(f"ring_dimension is {ring_dimension}; choose one of {rings}")
    return bounds[ring_dimension]


class Parameters(msgspec.Struct, frozen=True):
    """Ring dimension N and modulus chain of a CKKS context.

    `prime_bits` are the sizes, in bits, of q_0, q_1, …, q_L and of the special prime, which key switches use.
    A ciphertext at level ℓ lives modulo q_0 … q_ℓ; a fresh one is at level L.

    Raises `InsecureError` for a chain that is longer than the security level allows, and `ParameterError` for one that
    names more primes of a size than there are: SEAL needs different primes, each 1 modulo 2N.
    """

    security_bits: int
    ring_dimension: int
    prime_bits: tuple[int, ...]

    def __post_init__(self) -> None:
        allowed = max_modulus_bits(self.security_bits, self.ring_dimension)
        if len(self.prime_bits) < 2:
            raise ParameterError("prime_bits needs at least one data prime and the special prime")
        for bits in self.prime_bits:
            if not MIN_PRIME_BITS <= bits <= MAX_PRIME_BITS:
                raise ParameterError(
                    f"prime_bits holds {bits}; each prime has {MIN_PRIME_BITS} to {MAX_PRIME_BITS} bits"
                )
        if self.modulus_bits > allowed:
            raise InsecureError(
                f"a modulus of {self.modulus_bits} bits is not {self.security_bits}-bit secure at ring dimension "
                f"{self.ring_dimension}: at most {allowed} bits are, by the Security Guidelines for Implementing "
                "Homomorphic Encryption (2024)"
            )
        for bits, count in Counter(self.prime_bits).items():
            available = len(largest_primes(bits, self.ring_dimension, count))
            if available < count:
                raise ParameterError(
                    f"prime_bits names {count} primes of {bits} bits; there are {available} that are 1 modulo "
                    f"2 · {self.ring_dimension}. Use larger primes, or of several sizes"
                )

    @property
    def slots(self) -> int:
        """Values in one ciphertext: N / 2."""
        return self.ring_dimension // 2

    @property
    def half_turn(self) -> int:
        """The rotation by half of the slots, which undoes itself."""
        return self.slots // 2

    @property
    def levels(self) -> int:
        """The level of a fresh ciphertext, which is the number of rescalings it allows."""
        return len(self.prime_bits) - 2

    @property
    def data_prime_bits(self) -> tuple[int, ...]:
        """Sizes (bits) of q_0 … q_L, without the special prime."""
        return self.prime_bits[:-1]

    @property
    def primes(self) -> tuple[int, ...]:
        """q_0 … q_L and the special prime."""
        return chain_of(self.prime_bits, self.ring_dimension)

    @property
    def modulus_bits(self) -> int:
        """Bits of the whole modulus, special prime included."""
        return sum(self.prime_bits)

    @property
    def log_ring_dimension(self) -> int:
        """log2 N."""
        return int(math.log2(self.ring_dimension))

    def galois_element(self, step: int) -> int:
        """The Galois element of a rotation by `step` slots: 3^step modulo 2N (SEAL's `get_elt_from_step`)."""
        return pow(3, step % self.slots, 2 * self.ring_dimension)

    def digest(self) -> bytes:
        """SHA-256 over the parameters: equal exactly when ciphertexts are exchangeable."""
        return hashlib.sha256(b"blindsight parameters 1\0" + msgspec.msgpack.encode(self)).digest()
