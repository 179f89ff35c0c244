"""Key sets in a program: frames to ciphertexts, and encrypted scores to labels.

For readers of Concrete ML: a `KeySet` with its plan is what `FHEModelClient` is there.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Never, Self

import numpy as np
from numpy.typing import NDArray

from blindsight.api.plans import AnyPlan, FilePath, head_of
from common.errors import FrameError, KeySetError, WireError
from common.keys import key_set as core
from common.keys.scores import ScoreReader, leads
from common.plan.plan import PlanHead
from edge.encryption import FrameCipher


@dataclass(frozen=True, eq=False)
class Decryption:
    """What an evaluation says of each frame.

    `labels` (n) are texts, `indices` (n,) their places among the plan's labels; `scores` (n, labels) are what the
    network gave, and `lead` (n,) is by how much the highest score is above the second. Give scores and leads to nobody:
    raw decryptions reveal the secret key (Li and Micciancio, EUROCRYPT 2021). So `repr` doesn't show them.
    """

    labels: tuple[str, ...]
    indices: NDArray[np.int64] = field(repr=False)
    scores: NDArray[np.float64] = field(repr=False)
    lead: NDArray[np.float64] = field(repr=False)


class _Keys:
    """What all holders of a public key can do."""

    def __init__(self, keys: core.PublicKeySet, material: core.KeyMaterial, head: PlanHead) -> None:
        self._cipher = FrameCipher(head, keys, seeds=True)
        self._material = material

    @property
    def core(self) -> core.PublicKeySet:
        """The keys as the other parts of Blindsight take them."""
        return self._cipher.key_set

    @property
    def head(self) -> PlanHead:
        """The head of the plan that frames are encrypted for."""
        return self._cipher.head

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the parameters and the public keys, hexadecimal: the key set's name."""
        return self.core.fingerprint

    def encrypt(self, frames: NDArray[np.uint8]) -> bytes:
        """Encrypt frames (n, h, w[, c]) uint8, at most `head.frames_per_ciphertext`, into one burst.

        Raises `FrameError` when there are too many or they aren't what the plan takes.
        """
        if not isinstance(frames, np.ndarray):
            raise FrameError(f"frames is a {type(frames).__name__}; give a NumPy array (n, height, width[, channels])")
        return self._cipher.encrypt(frames).ciphertext

    def using(self, plan: AnyPlan) -> Self:
        """The same keys for another plan of the same parameters and rotations, such as the sealed form of this one.

        Raises `KeySetError` when the keys don't serve it.
        """
        return type(self)(self.core, self._material, head_of(plan))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.fingerprint[:12]} for plan {self.head.hash[:12]} of {self.head.model}>"

    def __reduce__(self) -> Never:
        raise TypeError(f"a {type(self).__name__} isn't pickled or copied; save it to a folder, and load it there")


class PublicKeys(_Keys):
    """The public part of a key set: it encrypts, and can decrypt nothing. Devices of a site hold no more."""

    @classmethod
    def load(cls, folder: FilePath, plan: AnyPlan) -> "PublicKeys":
        """The public part in a folder that `save` wrote, or of a key set. Raises `KeySetError`."""
        folder = Path(folder)
        return cls(core.load_public(folder), core.read_public_material(folder), head_of(plan))

    def save(self, folder: FilePath) -> None:
        """Write it to a new folder: all that a device of a site needs. Raises `KeySetError`."""
        self._material.write(Path(folder))


class KeySet(_Keys):
    """A secret key, its public key, and the evaluation keys that a plan needs.

    Neither `repr`, nor `pickle`, nor an error's message ever holds the secret key.
    """

    def __init__(self, keys: core.KeySet, material: core.KeyMaterial, head: PlanHead) -> None:
        super().__init__(keys, material, head)
        self._reader = ScoreReader(head, keys)

    @classmethod
    def create(cls, plan: AnyPlan) -> "KeySet":
        """A new key set for a plan, in memory: without `save` it is gone with the program, and so is what it encrypted.

        Raises `KeySetError` for a sealed plan of another key set.
        """
        head = head_of(plan)
        return cls(*core.make_key_set(head), head)

    @classmethod
    def load(cls, folder: FilePath, plan: AnyPlan, *, passphrase: str | None = None) -> "KeySet":
        """The key set in a folder that `save`, `blindsight keys create` or a device wrote.

        Raises `KeySetError` when it is missing, damaged, locked by another passphrase, or doesn't serve the plan.
        """
        return cls(*core.read_key_set(Path(folder), _checked(passphrase)), head_of(plan))

    def save(self, folder: FilePath, *, passphrase: str | None = None) -> None:
        """Write the key set to a new folder, with its secret keys encrypted under the passphrase, if there is one.

        The secret keys' files are their owner's alone (mode 0600). Raises `KeySetError` when the folder holds a key set
        or can't be written.
        """
        self._material.write(Path(folder), _checked(passphrase))

    @property
    def public(self) -> PublicKeys:
        """The public part, without any secret."""
        part = self._material.public_part()
        return PublicKeys(part.public_key_set(self.core.header, self.core.folder), part, self.head)

    @property
    def evaluation(self) -> bytes:
        """The evaluation keys, in the form in which they are uploaded; an `Evaluator` takes them. They are public."""
        return self._material.public["evaluation.keys"]

    def decrypt(self, scores: bytes, *, frames: int | None = None) -> Decryption:
        """The labels and scores in encrypted scores: of the first so many frames, or of all that a ciphertext takes.

        Places without a frame give a label too, which means nothing: say how many frames the burst had. Raises
        `WireError` for anything but scores of this plan under this key set.
        """
        most = self.head.frames_per_ciphertext
        if frames is not None and not 1 <= frames <= most:
            raise FrameError(f"frames is {frames}; a ciphertext of this plan takes 1 to {most}")
        scores_by_frame = self._reader.scores(scores)[:frames]
        if not np.isfinite(scores_by_frame).all():
            raise WireError("the scores are no numbers: they were made by other keys, or another plan")
        indices = scores_by_frame.argmax(axis=1)
        return Decryption(
            tuple(self.head.labels[index] for index in indices), indices, scores_by_frame, leads(scores_by_frame)
        )


def _checked(passphrase: str | None) -> str | None:
    """A passphrase that locks something. Raises `KeySetError`, which doesn't show it."""
    if passphrase is not None and (not isinstance(passphrase, str) or not passphrase):
        what = "empty" if isinstance(passphrase, str) else f"of type {type(passphrase).__name__}"
        raise KeySetError(f"passphrase is {what}; give a text, or leave it out for a secret key without")
    return passphrase
