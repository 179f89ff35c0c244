"""CKKS through Pyfhel. No other module touches Pyfhel, whose traps are closed here.

These are the traps: Pyfhel's operators copy their operands and change their levels unasked, `rotate`
without keys silently makes some, `decryptFrac` without a secret key crashes the process,
`mod_switch_to_next_ptxt` changes a copy, and a product with a plaintext of zeros raises. A `Context` has
one method for each operation that the evaluator and the device need, and no more.

Pyfhel never releases the GIL and SEAL's memory pool isn't fork-safe: create contexts after
the fork, one per process.
"""

import functools
import warnings
from collections.abc import Iterable, Mapping
from typing import Never, final

import numpy as np
from numpy.typing import NDArray
from Pyfhel import PyCtxt, Pyfhel, PyPtxt

from common.ckks import seal_format
from common.ckks.packing import Residues
from common.ckks.parameters import Parameters
from common.ckks.seal_format import Seeded
from common.ckks.seeding import Seeding, seeding_of
from common.errors import KeySetError, ParameterError

#: One number per slot, shape (slots,); fewer are padded with zeros.
Values = NDArray[np.float64]


class _Opaque:
    """Pyfhel's object, which only a `Context` looks into."""

    __slots__ = ("_pyfhel",)

    def __init__(self, pyfhel: PyCtxt | PyPtxt) -> None:
        self._pyfhel = pyfhel

    def __reduce__(self) -> Never:
        raise TypeError(
            f"a {type(self).__name__} isn't pickled or copied by Python: Pyfhel's pickles are neither packed nor "
            "checked; pass wire forms (common.ckks.ciphertext), and copy with Context.switched_down(ciphertext, 0)"
        )


@final
class Ciphertext(_Opaque):
    """Encrypted values, one per slot, at a level and a scale: two polynomials, or three after a product."""

    __slots__ = ()


@final
class Plaintext(_Opaque):
    """Encoded values, one per slot, at a level and a scale."""

    __slots__ = ()


class Moduli:
    """What all contexts of the same parameters share: the primes, and SEAL's names for them.

    Raises `ParameterError` for parameters that SEAL refuses.
    """

    def __init__(self, parameters: Parameters) -> None:
        engine = _new_engine(parameters)
        #: q_0 … q_L and the special prime.
        self.primes = tuple(int(prime) for prime in engine.qi)
        #: SEAL's parms_id (32 bytes) of a ciphertext at each level.
        self.level_ids = _level_ids(engine, parameters.levels)
        engine.relinKeyGen()  # under a secret that is thrown away: only the parms_id is read
        #: SEAL's parms_id (32 bytes) of a key.
        self.key_id = seal_format.read_parms_id(engine.to_bytes_relin_key("none"))


@functools.cache
def moduli(parameters: Parameters) -> Moduli:
    """The moduli of these parameters; made once per process."""
    return Moduli(parameters)


class Context:
    """One CKKS context, and the keys loaded or made in it.

    An operation whose name ends in `_in_place` changes its first argument, `target`, and returns None.
    Every other operation is named after its result (`product`, `rotated`), which is a new ciphertext, and
    leaves its arguments as they were. The operands of an operation belong to the context's parameters and
    have the same level; those of an addition have the same scale too. For others SEAL raises `ValueError`.

    Raises `ParameterError` for parameters that SEAL refuses.
    """

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
        """Make a secret key, its public key, a relinearisation key, and rotation keys for these steps (slots)."""
        self.generate_secret_key()
        self.generate_evaluation_keys(rotations)

    def generate_secret_key(self) -> None:
        """Make a secret key and its public key."""
        self._engine.keyGen()
        self._has_secret = True

    def generate_evaluation_keys(self, rotations: Iterable[int]) -> None:
        """Make a relinearisation key, and rotation keys for these steps (slots), of the secret key that is here."""
        steps = sorted(set(rotations))
        self._engine.relinKeyGen()
        self._has_relinearisation = True
        if steps:
            self._engine.rotateKeyGen(steps)
        self._rotations = frozenset(steps)

    def seeding(self) -> Seeding | None:
        """What makes ciphertexts and evaluation keys with seeds.

        None without the secret key, and where the extension for it isn't installed.
        """
        return seeding_of(self.parameters, self.save_secret_key()) if self._has_secret else None

    def save_secret_key(self) -> bytes:
        """SEAL's bytes of the secret key, which go nowhere but to the key holder's own disk."""
        return bytes(self._engine.to_bytes_secret_key("none"))

    def load_secret_key(self, blob: bytes) -> None:
        """Load `save_secret_key`'s bytes, after the public key. Raises `KeySetError` for damaged bytes."""
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

    def load_seeded_public_key(self, seeded: Seeded) -> None:
        """Load a public key whose second polynomial SEAL draws from its seed."""
        self._engine.from_bytes_public_key(seal_format.build_seeded(seeded, self.moduli.key_id, 1.0))

    def has_matching_keys(self) -> bool:
        """Whether the secret key decrypts what the public key encrypts."""
        decrypted = self.decrypt(self.encrypt(np.ones(self.parameters.slots), 2.0**26))
        return bool(np.abs(decrypted - 1).max() < 0.5)

    def save_relinearisation_key(self) -> Residues:
        """Residues of the relinearisation key, shape (parts, 2, primes, N)."""
        blob = self._engine.to_bytes_relin_key("none")
        return next(residues for _, residues in seal_format.read_switching_keys(blob))

    def save_rotation_keys(self) -> dict[int, Residues]:
        """Residues of each rotation key by its step (slots), shape (parts, 2, primes, N)."""
        if not self._rotations:
            return {}
        blob = self._engine.to_bytes_rotate_key("none")
        by_index = dict(seal_format.read_switching_keys(blob))
        return {step: by_index[self._galois_index(step)] for step in sorted(self._rotations)}

    def load_evaluation_keys(self, relinearisation: Residues | None, rotations: Mapping[int, Residues]) -> None:
        """Load the residues that `save_relinearisation_key` and `save_rotation_keys` return."""
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
        return seal_format.galois_index(self.parameters.galois_element(step))

    # Values in and out

    def encode(self, values: Values, scale: float, level: int) -> Plaintext | None:
        """Encode one value per slot at a level; None where each is rounded to zero, since no product takes that."""
        plaintext = self._engine.encodeFrac(np.array(values, dtype=np.float64), scale=scale)
        if plaintext.is_zero():
            return None
        for _ in range(self.parameters.levels - level):
            self._engine.mod_switch_to_next_ptxt(plaintext, in_new_ptxt=False)
        return Plaintext(plaintext)

    def encoded(self, values: Values, scale: float) -> bytes:
        """SEAL's bytes of one value per slot, encoded at the highest level, for `Seeding.encrypt`."""
        plaintext: PyPtxt = self._engine.encodeFrac(np.array(values, dtype=np.float64), scale=scale)
        return bytes(plaintext.to_bytes("none"))

    def save_plaintext(self, plaintext: Plaintext) -> Residues:
        """Residues of a plaintext, shape (level + 1, N)."""
        return seal_format.read_plaintext(plaintext._pyfhel.to_bytes("none"), self.parameters.ring_dimension)

    def encrypt(self, values: Values, scale: float) -> Ciphertext:
        """Encrypt one value per slot under the public key, at the highest level."""
        return Ciphertext(self._engine.encryptFrac(np.array(values, dtype=np.float64), scale=scale))

    def decrypt(self, ciphertext: Ciphertext) -> Values:
        """Decrypt to one value per slot. Raises `KeySetError` without the secret key."""
        if not self._has_secret:
            raise KeySetError("there is no secret key here to decrypt with; labels are read by the key set's holder")
        return np.asarray(self._engine.decryptFrac(ciphertext._pyfhel), dtype=np.float64)

    def save_ciphertext(self, ciphertext: Ciphertext) -> Residues:
        """Residues of a ciphertext, shape (polynomials, level + 1, N)."""
        return seal_format.read_ciphertext(ciphertext._pyfhel.to_bytes("none"))

    def load_ciphertext(self, residues: Residues, scale: float) -> Ciphertext:
        """A ciphertext from its residues, shape (polynomials, level + 1, N), each below its prime."""
        return self._load(seal_format.build_ciphertext(residues, self.moduli.level_ids[residues.shape[1] - 1], scale))

    def load_seeded(self, seeded: Seeded, scale: float) -> Ciphertext:
        """A ciphertext whose second polynomial SEAL draws from its seed; its residues are below their primes."""
        return self._load(seal_format.build_seeded(seeded, self.moduli.level_ids[len(seeded.first) - 1], scale))

    def _load(self, blob: bytes) -> Ciphertext:
        ciphertext = PyCtxt(pyfhel=self._engine)
        ciphertext.from_bytes(blob, "ckks")
        return Ciphertext(ciphertext)

    # Operations that return a new ciphertext

    def product(self, ciphertext: Ciphertext, other: Ciphertext) -> Ciphertext:
        """Slot-wise product, as three polynomials; its scale is the product of both scales."""
        return Ciphertext(self._engine.multiply(ciphertext._pyfhel, other._pyfhel, in_new_ctxt=True))

    def product_with_plaintext(self, ciphertext: Ciphertext, plaintext: Plaintext) -> Ciphertext:
        """Slot-wise product; its scale is the product of both scales."""
        return Ciphertext(self._engine.multiply_plain(ciphertext._pyfhel, plaintext._pyfhel, in_new_ctxt=True))

    def rotated(self, ciphertext: Ciphertext, step: int) -> Ciphertext:
        """A ciphertext whose slot i holds slot i + step of the old one. Raises `KeySetError` without the step's key."""
        if step not in self._rotations:
            raise KeySetError(f"there is no rotation key for step {step}; the key set was made for another plan")
        return Ciphertext(self._engine.rotate(ciphertext._pyfhel, step, in_new_ctxt=True))

    def switched_down(self, ciphertext: Ciphertext, levels: int) -> Ciphertext:
        """The same values at the same scale, `levels` levels lower; for 0 a copy."""
        switched = PyCtxt(copy_ctxt=ciphertext._pyfhel)
        for _ in range(levels):
            self._engine.mod_switch_to_next_ctxt(switched)
        return Ciphertext(switched)

    # Operations that change a ciphertext

    def add_in_place(self, target: Ciphertext, other: Ciphertext) -> None:
        """Add another ciphertext to the target."""
        self._engine.add(target._pyfhel, other._pyfhel)

    def add_plaintext_in_place(self, target: Ciphertext, plaintext: Plaintext) -> None:
        """Add a plaintext to the target."""
        self._engine.add_plain(target._pyfhel, plaintext._pyfhel)

    def square_in_place(self, target: Ciphertext) -> None:
        """Square the target: it then has three polynomials, and the square of its scale."""
        self._engine.square(target._pyfhel)

    def relinearise_in_place(self, target: Ciphertext) -> None:
        """Bring the target's three polynomials back to two. Raises `KeySetError` without the relinearisation key."""
        if not self._has_relinearisation:
            raise KeySetError("there is no relinearisation key; the key set was made for another plan")
        self._engine.relinearize(target._pyfhel)

    def rescale_in_place(self, target: Ciphertext) -> None:
        """Divide the target and its scale by the last prime, and drop that prime: the target is one level lower."""
        self._engine.rescale_to_next(target._pyfhel)


def _new_engine(parameters: Parameters) -> Pyfhel:
    engine = Pyfhel()
    with warnings.catch_warnings():  # Pyfhel warns that it guesses a default scale, which we never use
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
