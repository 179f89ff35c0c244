"""Frames to ciphertexts, and the key set for it."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog
from numpy.typing import NDArray

from common.ciphertext import digest_of, encode_ciphertexts
from common.errors import KeySetError
from common.keys import KeySet, PublicKeySet, create_key_set, holds_secret, load_key_set, load_public
from common.messages import Custody
from common.plan import PlanHead

log = structlog.get_logger()


@dataclass(frozen=True)
class Encrypted:
    """Frames' wire form, the time taken, and the ciphertext's digest (a frame's own would tell equal frames)."""

    ciphertext: bytes
    digest: str
    ms: float


class FrameCipher:
    """Encrypts frames for a plan."""

    def __init__(self, head: PlanHead, key_set: PublicKeySet) -> None:
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
        return Encrypted(data, digest_of(data), (time.perf_counter() - start) * 1000)


def open_key_set(folder: Path, head: PlanHead, passphrase: str | None, custody: Custody = "device") -> PublicKeySet:
    """The key set in `folder`. Raises `KeySetError`.

    A device that holds its own has all of it, made for the plan when there is none. Under the
    custody of a site it has the public part only; it refuses a folder with the site's secret key,
    which doesn't belong there.
    """
    if custody == "device":
        return _own_key_set(folder, head, passphrase)
    if holds_secret(folder):
        raise KeySetError(
            f"{folder} holds a secret key, and custody is 'site': give this device the public part only, made with: "
            "blindsight keys public FOLDER OUT"
        )
    if not (folder / "keyset.json").exists():
        raise KeySetError(
            f"{folder} holds no key set; copy the public part of the site's there, made with: "
            "blindsight keys public FOLDER OUT"
        )
    return load_public(folder)


def _own_key_set(folder: Path, head: PlanHead, passphrase: str | None) -> KeySet:
    if (folder / "keyset.json").exists():
        return load_key_set(folder, passphrase)
    key_set = create_key_set(head, folder, passphrase)
    log.info("created a key set", key_set=key_set.fingerprint[:12], folder=str(folder))
    return key_set
