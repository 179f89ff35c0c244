"""Locks of secret keys on disk: scrypt makes a key of a passphrase, under which Fernet encrypts."""

import base64
import os
from pathlib import Path

from cryptography.exceptions import InvalidKey
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from common.errors import KeySetError

#: The beginning of a secret key that an earlier version encrypted, and the binary logarithm of its cost.
_OLD_MAGIC, _OLD_COST = b"BSSK1\0", 15
#: The beginning of an encrypted secret key. A byte follows, the binary logarithm of scrypt's cost, and then the salt.
_MAGIC = b"BSSK2\0"
#: Bytes of the salt.
_SALT_BYTES = 16
#: Binary logarithms of scrypt's cost: the one that OWASP advises (128 MB for a try), the smallest and the largest
#: under which a secret key is opened.
_COST, _LEAST_COST, _MOST_COST = 17, 15, 18


def has_lock(data: bytes) -> bool:
    """Whether a file's bytes are encrypted under a passphrase."""
    return data.startswith((_MAGIC, _OLD_MAGIC))


def lock(secret: bytes, passphrase: str | None) -> bytes:
    """The bytes to write of a secret: encrypted under a passphrase, or the secret itself if there is none.

    Raises `KeySetError` when there is too little memory for scrypt.
    """
    if passphrase is None:
        return secret
    salt = os.urandom(_SALT_BYTES)
    return _MAGIC + bytes([_COST]) + salt + _fernet(passphrase, salt, _COST).encrypt(secret)


def unlock(data: bytes, passphrase: str | None, path: Path) -> bytes:
    """The secret in a file's bytes, which are encrypted or the secret itself.

    Raises `KeySetError`, with `path` in its message, for a wrong passphrase or none, for damaged bytes, and when
    there is too little memory for scrypt.
    """
    if data.startswith(_MAGIC):
        start = len(_MAGIC) + 1
        cost = data[start - 1] if len(data) >= start else 0
    elif data.startswith(_OLD_MAGIC):
        start, cost = len(_OLD_MAGIC), _OLD_COST
    else:
        return data
    if not _LEAST_COST <= cost <= _MOST_COST:  # asked before scrypt takes the memory
        raise KeySetError(f"{path} is damaged: its cost is 2^{cost}; restore the key set from a backup")
    if passphrase is None:
        raise KeySetError(f"the key set in {path.parent} is locked; give its passphrase (BLINDSIGHT_PASSPHRASE_FILE)")
    salt, token = data[start : start + _SALT_BYTES], data[start + _SALT_BYTES :]
    try:
        return _fernet(passphrase, salt, cost).decrypt(token)
    except (InvalidToken, InvalidKey):
        raise KeySetError(f"the passphrase doesn't open the key set in {path.parent}") from None


def _fernet(passphrase: str, salt: bytes, cost: int) -> Fernet:
    derive = Scrypt(salt=salt, length=32, n=2**cost, r=8, p=1).derive
    try:
        key = derive(passphrase.encode(errors="surrogateescape"))
    except MemoryError:
        raise KeySetError(f"to use a passphrase takes {2**cost >> 10} MB of memory; free as much") from None
    return Fernet(base64.urlsafe_b64encode(key))
