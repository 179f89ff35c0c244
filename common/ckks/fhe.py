"""CKKS through Pyfhel: the only module that touches it, with its traps closed.

What Pyfhel does on its own is avoided here: its operators copy and align, `rotate` without
keys silently makes some, `decryptFrac` without a secret key crashes the process,
`mod_switch_to_next_ptxt` returns a copy, a product with an all-zero plaintext raises. A
`Context` names each operation that the evaluator and the device need.

Pyfhel never releases the GIL and SEAL's memory pool isn't fork-safe: create contexts after
the fork, one per process.
"""

import functools
import warnings
from collections.abc import Iterable, Mapping
from typing import Any, Never

import numpy as np
from numpy.typing import NDArray
from Pyfhel import PyCtxt, Pyfhel, PyPtxt

from common.ckks import seal_format
from common.ckks.parameters import Parameters
from common.ckks.residues import Residues
from common.errors import KeySetError, ParameterError

Values = NDArray[np.float64]
Ciphertext = Any
Plaintext = Any


class Moduli:
    """What all contexts of the same parameters share: the primes, and SEAL's names for them."""

    def __init__(self, parameters: Parameters) -> None:
        engine = _new_engine(parameters)
        self.primes = tuple(int(prime) for prime in engine.qi)
        #: parms_id of a ciphertext at each level.
        self.level_ids = _level_ids(engine, parameters.levels)
        engine.relinKeyGen()  # under a throwaway secret: only SEAL's name of the moduli is read
        self.key_id = seal_format.read_parms_id(engine.to_bytes_relin_key("none"))


@functools.cache
def moduli(parameters: Parameters) -> Moduli:
    """The moduli of these parameters; made once per process."""
    return Moduli(parameters)


class Context:
    """One CKKS context, and the keys loaded or made in it."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.moduli = moduli(parameters)
        self._engine = _new_engine(parameters)
        self._rotations: frozenset[int] = frozenset()
        self._has_relinearisation = False
        self._has_secret = False

    def __reduce__(self) -> Never:
        raise TypeError("a context isn't pickled, since it may hold a secret key; pass wire forms instead")

    # Keys

    def generate_keys(self, rotations: Iterable[int]) -> None:
        """Make a secret key, its public key, a relinearisation key and these rotation keys."""
        steps = sorted(set(rotations))
        self._engine.keyGen()
        self._has_secret = True
        self._engine.relinKeyGen()
        self._has_relinearisation = True
        if steps:
            self._engine.rotateKeyGen(steps)
        self._rotations = frozenset(steps)

    def save_secret_key(self) -> bytes:
        """SEAL's bytes of the secret key. Only a key holder's own disk may see them."""
        return bytes(self._engine.to_bytes_secret_key("none"))

    def load_secret_key(self, blob: bytes) -> None:
        """Load `save_secret_key`'s bytes; needs the public key loaded first."""
        try:
            self._engine.from_bytes_secret_key(blob)
        except (RuntimeError, ValueError):
            raise KeySetError("the secret key's bytes are damaged; restore the key set from a backup") from None
        self._has_secret = True

    def save_public_key(self) -> Residues:
        """Residues of the public key, shape (2, primes, N)."""
        return seal_format.read_ciphertext(self._engine.to_bytes_public_key("none"))

    def load_public_key(self, residues: Residues) -> None:
        """Load `save_public_key`'s residues."""
        self._engine.from_bytes_public_key(seal_format.build_ciphertext(residues, self.moduli.key_id, 1.0))

    def has_matching_keys(self) -> bool:
        """Whether the secret key decrypts what the public key encrypts."""
        decrypted = self.decrypt(self.encrypt(np.ones(self.parameters.slots), 2.0**26))
        return bool(np.abs(decrypted - 1).max() < 0.5)

    def save_relinearisation_key(self) -> Residues:
        """Residues of the relinearisation key, shape (parts, 2, primes, N)."""
        blob = self._engine.to_bytes_relin_key("none")
        return next(residues for _, residues in seal_format.read_switching_keys(blob))

    def save_rotation_keys(self) -> dict[int, Residues]:
        """Residues of each rotation key by its step, shape (parts, 2, primes, N)."""
        if not self._rotations:
            return {}
        blob = self._engine.to_bytes_rotate_key("none")
        by_index = dict(seal_format.read_switching_keys(blob))
        return {step: by_index[self._galois_index(step)] for step in sorted(self._rotations)}

    def load_evaluation_keys(self, relinearisation: Residues | None, rotations: Mapping[int, Residues]) -> None:
        """Load what `save_relinearisation_key` and `save_rotation_keys` gave."""
        key_id = self.moduli.key_id
        if relinearisation is not None:
            blob = seal_format.build_switching_keys({0: relinearisation}, 1, key_id)
            self._engine.from_bytes_relin_key(blob)
        if rotations:
            by_index = {self._galois_index(step): residues for step, residues in rotations.items()}
            blob = seal_format.build_switching_keys(by_index, self.parameters.ring_dimension, key_id)
            self._engine.from_bytes_rotate_key(blob)
        self._has_relinearisation = relinearisation is not None
        self._rotations = frozenset(rotations)

    def _galois_index(self, step: int) -> int:
        # SEAL's GaloisKeys::get_index of GaloisTool::get_elt_from_step: (3^step mod 2N - 1) / 2.
        return (pow(3, step % self.parameters.slots, 2 * self.parameters.ring_dimension) - 1) // 2

    # Values in and out

    def encode(self, values: Values, scale: float, level: int) -> Plaintext | None:
        """Encode one value per slot at a level; None where the plaintext would be all zero."""
        plaintext = self._engine.encodeFrac(np.array(values, dtype=np.float64), scale=scale)
        if plaintext.is_zero():
            return None
        for _ in range(self.parameters.levels - level):
            self._engine.mod_switch_to_next_ptxt(plaintext, in_new_ptxt=False)
        return plaintext

    def encrypt(self, values: Values, scale: float) -> Ciphertext:
        """Encrypt one value per slot under the public key, at the highest level."""
        return self._engine.encryptFrac(np.array(values, dtype=np.float64), scale=scale)

    def decrypt(self, ciphertext: Ciphertext) -> Values:
        """Decrypt to one value per slot. Raises `KeySetError` without the secret key."""
        if not self._has_secret:
            raise KeySetError("there is no secret key here to decrypt with; labels are read by the key set's holder")
        return np.asarray(self._engine.decryptFrac(ciphertext), dtype=np.float64)

    def save_ciphertext(self, ciphertext: Ciphertext) -> Residues:
        """Residues of a ciphertext, shape (polynomials, level + 1, N)."""
        return seal_format.read_ciphertext(ciphertext.to_bytes("none"))

    def load_ciphertext(self, residues: Residues, scale: float) -> Ciphertext:
        """A ciphertext from its residues, which must be below their primes."""
        level = residues.shape[1] - 1
        ciphertext = PyCtxt(pyfhel=self._engine)
        blob = seal_format.build_ciphertext(residues, self.moduli.level_ids[level], scale)
        ciphertext.from_bytes(blob, "ckks")
        return ciphertext

    # Operations

    def add(self, target: Ciphertext, other: Ciphertext) -> Ciphertext:
        """target += other."""
        return self._engine.add(target, other)

    def add_plain(self, target: Ciphertext, plaintext: Plaintext) -> Ciphertext:
        """target += plaintext."""
        return self._engine.add_plain(target, plaintext)

    def multiply_plain(self, ciphertext: Ciphertext, plaintext: Plaintext) -> Ciphertext:
        """A new ciphertext · plaintext; its scale is the product of the two."""
        return self._engine.multiply_plain(ciphertext, plaintext, in_new_ctxt=True)

    def multiply(self, ciphertext: Ciphertext, other: Ciphertext) -> Ciphertext:
        """A new product of two ciphertexts, as three polynomials; its scale is the product of the two."""
        return self._engine.multiply(ciphertext, other, in_new_ctxt=True)

    def rotate(self, ciphertext: Ciphertext, step: int) -> Ciphertext:
        """A new ciphertext whose slot i holds slot i + step of the old one."""
        if step not in self._rotations:
            raise KeySetError(f"there is no rotation key for step {step}; the key set was made for another plan")
        return self._engine.rotate(ciphertext, step, in_new_ctxt=True)

    def square(self, target: Ciphertext) -> Ciphertext:
        """target² in place, as three polynomials, at the square of its scale."""
        return self._engine.square(target)

    def relinearise(self, target: Ciphertext) -> Ciphertext:
        """Three polynomials back to two, in place."""
        if not self._has_relinearisation:
            raise KeySetError("there is no relinearisation key; the key set was made for another plan")
        self._engine.relinearize(target)
        return target

    def switch_down(self, ciphertext: Ciphertext, levels: int) -> Ciphertext:
        """A copy with `levels` primes fewer, at the same scale."""
        switched = PyCtxt(copy_ctxt=ciphertext)
        for _ in range(levels):
            self._engine.mod_switch_to_next_ctxt(switched)
        return switched

    def rescale(self, target: Ciphertext) -> Ciphertext:
        """Divide by the last prime and drop it, in place: one level less."""
        self._engine.rescale_to_next(target)
        return target


def _new_engine(parameters: Parameters) -> Pyfhel:
    engine = Pyfhel()
    with warnings.catch_warnings():  # Pyfhel's guess about default scales; we give each scale ourselves
        warnings.simplefilter("ignore")
        status = engine.contextGen(
            scheme="ckks",
            n=parameters.ring_dimension,
            sec=parameters.security_bits,
            scale=2.0**30,
            qi_sizes=list(parameters.prime_bits),
        )
    text = status.decode() if isinstance(status, bytes) else str(status)
    if not text.startswith("success"):
        raise ParameterError(f"SEAL refuses the parameters: {text}")
    return engine


def _level_ids(engine: Pyfhel, levels: int) -> dict[int, bytes]:
    plaintext: PyPtxt = engine.encodeFrac(np.ones(1), scale=2.0**20)
    ids = {levels: seal_format.read_parms_id(plaintext.to_bytes("none"))}
    for level in range(levels - 1, -1, -1):
        engine.mod_switch_to_next_ptxt(plaintext, in_new_ptxt=False)
        ids[level] = seal_format.read_parms_id(plaintext.to_bytes("none"))
    return ids
