"""Frames to ciphertexts, encrypted scores to labels."""

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog
from numpy.typing import NDArray

from common.ciphertext import decode_ciphertexts, encode_ciphertexts
from common.keys import KeySet, create_key_set, load_key_set
from common.plan import PlanHead

log = structlog.get_logger()


@dataclass(frozen=True)
class Encrypted:
    """Frames' wire form, the time taken, and the ciphertext's digest (a frame's own would tell equal frames)."""

    ciphertext: bytes
    digest: str
    ms: float


class FrameCipher:
    """Encrypts frames for a plan and reads the labels that come back."""

    def __init__(self, head: PlanHead, key_set: KeySet) -> None:
        key_set.header.check_serves(head)
        self.head = head
        self.key_set = key_set

    def encrypt(self, frames: NDArray[np.uint8]) -> Encrypted:
        """Encrypt frames (n, h, w, c) uint8, as many as share a ciphertext or fewer.

        Raises `FrameError` when they aren't what the model takes.
        """
        start = time.perf_counter()
        context = self.key_set.context
        ciphertexts = [context.encrypt(slots, self.head.input_scale) for slots in self.head.lay_out(frames)]
        data = encode_ciphertexts(context, ciphertexts)
        digest = hashlib.sha256(data).hexdigest()[:16]
        return Encrypted(data, digest, (time.perf_counter() - start) * 1000)

    def scores(self, reply: bytes) -> NDArray[np.float64]:
        """The scores (frames, labels) in encrypted ones, in order of the frames. Raises `WireError` for anything else.

        There are as many as a ciphertext takes; those of places without a frame mean nothing.

        They stay with the key holder: given to others, raw decryptions reveal the secret key
        (Li and Micciancio, EUROCRYPT 2021).
        """
        context = self.key_set.context
        head = self.head
        ciphertexts = decode_ciphertexts(context, reply, 0, head.output_scale, head.output_ciphertexts)
        return head.read_scores(np.stack([context.decrypt(ciphertext) for ciphertext in ciphertexts]))

    def decide(self, reply: bytes, frames: int) -> list[int]:
        """For each of so many frames the index of its highest score. Raises `WireError`."""
        return [int(label) for label in self.scores(reply)[:frames].argmax(axis=1)]


def open_key_set(folder: Path, head: PlanHead, passphrase: str | None) -> KeySet:
    """The key set in `folder`, made for the plan when there is none. Raises `KeySetError`."""
    if (folder / "keyset.json").exists():
        return load_key_set(folder, passphrase)
    key_set = create_key_set(head, folder, passphrase)
    log.info("created a key set", key_set=key_set.fingerprint[:12], folder=str(folder))
    return key_set
