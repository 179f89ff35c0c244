"""How a device encrypts frames, and where its key set is."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.ckks.ciphertext import digest_of, encode_ciphertexts, encode_seeded
from common.ckks.fhe import Values
from common.ckks.folded import encode_folded
from common.errors import InsecureError, KeySetError
from common.keys.key_folder import holds_secret
from common.keys.key_set import KeySet, PublicKeySet, create_key_set, load_header, load_key_set, load_public
from common.logs import get_logger
from common.plan.plan import PlanHead
from common.wire.messages import Custody

#: Digits of a plan's hash in the name of the folder whose key set was made for that plan.
_HASH_DIGITS = 16

log = get_logger(__name__)


@dataclass(frozen=True)
class EncryptedFrames:
    """The wire form of a burst's ciphertexts, its digest, and the time that encryption took (ms).

    It is the ciphertext's digest since the frames' own would tell which frames are equal.
    """

    ciphertext: bytes
    digest: str
    ms: float


class FrameCipher:
    """Encrypts frames for a plan.

    `seeds` says that whoever gets the ciphertexts takes some with seeds, which are half as large, and folded ones,
    half as large again. A cipher makes them where its key set has a secret key, and the extension for it is installed;
    folded ones where the plan folds, and the key set has the key that unfolds.
    """

    def __init__(self, head: PlanHead, key_set: PublicKeySet, seeds: bool = False) -> None:
        key_set.header.check_serves(head)
        self.head = head
        self.key_set = key_set
        self.seeds = seeds
        self._seeding, self._folds = key_set.context.seeding(), key_set.header.unfolds(head)

    def encrypt(self, frames: NDArray[np.uint8]) -> EncryptedFrames:
        """Encrypt frames (n, h, w, c) uint8, as many as share a ciphertext or fewer.

        Raises `FrameError` when they aren't what the model takes.
        """
        start = time.perf_counter()
        data = self._encrypted(self.head.lay_out(frames))
        return EncryptedFrames(data, digest_of(data), (time.perf_counter() - start) * 1000)

    def _encrypted(self, slots: Values) -> bytes:
        """The wire forms of slots, shape (ciphertexts, slots)."""
        context, scale = self.key_set.context, self.head.input_scale
        if self.seeds and self._seeding is not None:
            made = [self._seeding.encrypt(context.encoded(values, scale)) for values in slots]
            encode = encode_folded if self._folds else encode_seeded
            return b"".join(encode(context.parameters, seeded) for seeded in made)
        return encode_ciphertexts(context, [context.encrypt(values, scale) for values in slots])


def open_key_set(folder: Path, head: PlanHead, passphrase: str | None, custody: Custody = "device") -> PublicKeySet:
    """The key set in `folder`. Raises `KeySetError`.

    A device that holds its own has all of it, made for the plan when none there serves it. Under the
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


def key_set_folders(folder: Path) -> list[Path]:
    """The folders of key sets in a device's folder of keys: itself for the first, and those below for later plans."""
    own = [folder] if (folder / "keyset.json").exists() else []
    return [*own, *later_key_set_folders(folder)]


def later_key_set_folders(folder: Path) -> list[Path]:
    """The folders of key sets that the device made because a later plan needed another."""
    return sorted(path.parent for path in folder.glob(f"for-{'[0-9a-f]' * _HASH_DIGITS}/keyset.json"))


def drop_key_set(folder: Path) -> None:
    """Delete a key set. It is renamed first, so that a crash leaves no folder with half of it."""
    shutil.rmtree(folder.rename(folder.with_name(f"{folder.name}.partial")))


def _own_key_set(folder: Path, head: PlanHead, passphrase: str | None) -> KeySet:
    """The key set in a folder that serves the plan, or a new one next to those that earlier plans need."""
    folders = key_set_folders(folder)
    for each in folders:
        if _serves(each, head) or not holds_secret(each):  # of a public part alone, this raises an error that says so
            return load_key_set(each, passphrase)
    if folders and head.sealed_for is not None:  # its scores are encrypted for that key set alone
        load_header(folders[0]).check_serves(head)
    place = folder / f"for-{head.hash[:_HASH_DIGITS]}" if folders else folder
    log.info("creating a key set; that of a large plan takes some seconds", folder=str(place))
    key_set = create_key_set(head, place, passphrase)
    log.info("created a key set", key_set=key_set.fingerprint[:12], folder=str(place))
    if passphrase is None:
        log.warning(
            "its secret key isn't encrypted on this disk; for a passphrase: --passphrase-file", folder=str(place)
        )
    return key_set


def _serves(folder: Path, head: PlanHead) -> bool:
    try:
        return load_header(folder).serves(head)  # a damaged key set is an error; it isn't replaced
    except InsecureError:
        return False
