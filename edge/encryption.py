"""Frames to ciphertexts, encrypted scores to labels."""

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog
from numpy.typing import NDArray

from common.ciphertext import decode_ciphertext, encode_ciphertext
from common.keys import KeySet, create_key_set, load_key_set
from common.plan import PlanHead

log = structlog.get_logger()


@dataclass(frozen=True)
class Encrypted:
    """A frame's wire form, the time taken, and the ciphertext's digest (a frame's own would tell equal frames)."""

    ciphertext: bytes
    digest: str
    ms: float


class FrameCipher:
    """Encrypts frames for a plan and reads the labels that come back."""

    def __init__(self, head: PlanHead, key_set: KeySet) -> None:
        key_set.header.check_serves(head)
        self.head = head
        self.key_set = key_set

    def encrypt(self, frame: NDArray[np.uint8]) -> Encrypted:
        """Encrypt one frame (h, w, c) uint8. Raises `FrameError` when it isn't what the model takes."""
        start = time.perf_counter()
        context = self.key_set.context
        data = encode_ciphertext(context, context.encrypt(self.head.lay_out(frame), self.head.input_scale))
        digest = hashlib.sha256(data).hexdigest()[:16]
        return Encrypted(data, digest, (time.perf_counter() - start) * 1000)

    def scores(self, reply: bytes) -> NDArray[np.float64]:
        """The scores (labels,) in encrypted ones. Raises `WireError` for anything else.

        They stay with the key holder: given to others, raw decryptions reveal the secret key
        (Li and Micciancio, EUROCRYPT 2021).
        """
        context = self.key_set.context
        ciphertext = decode_ciphertext(context, reply, 0, self.head.output_scale)
        return self.head.read_scores(context.decrypt(ciphertext))

    def decide(self, reply: bytes) -> int:
        """The index of the highest of the encrypted scores. Raises `WireError`."""
        return int(self.scores(reply).argmax())


def open_key_set(folder: Path, head: PlanHead, passphrase: str | None) -> KeySet:
    """The key set in `folder`, made for the plan when there is none. Raises `KeySetError`."""
    if (folder / "keyset.json").exists():
        return load_key_set(folder, passphrase)
    key_set = create_key_set(head, folder, passphrase)
    log.info("created a key set", key_set=key_set.fingerprint[:12], folder=str(folder))
    return key_set
