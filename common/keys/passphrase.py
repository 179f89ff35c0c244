"""Secret keys on disk, encrypted under a passphrase: scrypt's key, and Fernet."""

import base64
import os
from pathlib import Path

from cryptography.exceptions import InvalidKey
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from common.errors import KeySetError

#: Begins a locked secret key of earlier versions, all of this cost.
_LOCKED_BEFORE, _COST_BEFORE = b"BSSK1\0", 15
#: Begins a locked secret key; then come a byte, the binary logarithm of scrypt's cost, and the salt.
_LOCKED = b"BSSK2\0"
_SALT_BYTES = 16
#: Binary logarithms of scrypt's cost: what OWASP advises (128 MB for a try), and the least and most that are opened.
_COST, _LEAST_COST, _MOST_COST = 17, 15, 18


def locked(data: bytes) -> bool:
    """Whether these bytes of a file are encrypted under a passphrase."""
    return data.startswith((_LOCKED, _LOCKED_BEFORE))


def lock(secret: bytes, passphrase: str | None) -> bytes:
    """A secret as it is written: encrypted under a passphrase, where there is one."""
    if passphrase is None:
        return secret
    salt = os.urandom(_SALT_BYTES)
    return _LOCKED + bytes([_COST]) + salt + _fernet(passphrase, salt, _COST).encrypt(secret)


def unlock(data: bytes, passphrase: str | None, path: Path) -> bytes:
    """The secret in a file's bytes; raises `KeySetError`, naming `path`, for a wrong passphrase or damaged bytes."""
    if data.startswith(_LOCKED):
        start = len(_LOCKED) + 1
        cost = data[start - 1] if len(data) >= start else 0
    elif data.startswith(_LOCKED_BEFORE):
        start, cost = len(_LOCKED_BEFORE), _COST_BEFORE
    else:
        return data
    if not _LEAST_COST <= cost <= _MOST_COST:  # before it takes memory
        raise KeySetError(f"{path} is damaged: its cost is 2^{cost}; restore the key set from a backup")
    if passphrase is None:
        raise KeySetError(f"the key set in {path.parent} is locked; give its passphrase (BLINDSIGHT_PASSPHRASE_FILE)")
    salt, closed = data[start : start + _SALT_BYTES], data[start + _SALT_BYTES :]
    try:
        return _fernet(passphrase, salt, cost).decrypt(closed)
    except (InvalidToken, InvalidKey):
        raise KeySetError(f"the passphrase doesn't open the key set in {path.parent}") from None


def _fernet(passphrase: str, salt: bytes, cost: int) -> Fernet:
    derive = Scrypt(salt=salt, length=32, n=2**cost, r=8, p=1).derive
    try:
        key = derive(passphrase.encode(errors="surrogateescape"))
    except MemoryError:
        raise KeySetError(f"to use a passphrase takes {2**cost >> 10} MB of memory; free as much") from None
    return Fernet(base64.urlsafe_b64encode(key))
