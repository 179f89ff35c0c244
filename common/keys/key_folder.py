"""A key set's folder: its files read, and written whole or not at all.

A key set is a folder:

    keyset.json        fingerprint, parameters, what the evaluation keys can do; public
    public.key         residues of the public key, packed
    times-public.key   X25519 key under which a site's devices seal capture times; not in older key sets
    evaluation.keys    the wire form of `common.keys.evaluation_keys`; public
    secret.key         SEAL's bytes, mode 0600, encrypted under a passphrase if one was given
    times-secret.key   X25519 key that opens capture times, mode and passphrase as for secret.key

Without the secret keys and `evaluation.keys` it is a *public part*: a device of a site, whose console
holds the key set, encrypts with it and can decrypt nothing.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from common.errors import KeySetError
from common.keys.passphrase import has_lock

#: Files of the key for capture times.
TIMES_PUBLIC, TIMES_SECRET = "times-public.key", "times-secret.key"


def check_free(folder: Path) -> None:
    """Raise `KeySetError` when a folder holds a key set, or the public part of one, or can't be a new one."""
    if not folder.name:  # "." or "/", which no other folder can take the place of
        raise KeySetError(f"a key set gets a new folder of its own, and {folder} is none; give it a name, such as keys")
    if (folder / "secret.key").exists() or (folder / "keyset.json").exists():
        raise KeySetError(f"{folder} already holds a key set; choose another folder, or move that one away")


def holds_secret(folder: Path) -> bool:
    """Whether a folder has a secret key, which a public part doesn't."""
    return any((folder / name).exists() for name in ("secret.key", TIMES_SECRET))


def is_locked(folder: Path) -> bool:
    """Whether the secret key is encrypted under a passphrase. Raises `KeySetError` when there is none."""
    return has_lock(read_secret_key(folder))


def read_key_file(path: Path) -> bytes:
    """A file of a key set. Raises `KeySetError` when it can't be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise KeySetError(f"{path} is missing; make a key set with: blindsight keys create") from error
    except OSError as error:
        raise KeySetError(f"can't read {path}: {error.strerror}") from error


def read_secret_key(folder: Path) -> bytes:
    """The file of the secret key. Raises `KeySetError`, which tells a public part from a damaged key set."""
    if not holds_secret(folder) and (folder / "keyset.json").exists():
        raise KeySetError(
            f"{folder}/secret.key is missing: what is there is the public part of a key set, which encrypts but can't "
            "decrypt; restore the key set from a backup, or, for a device of a site: --custody site"
        )
    return read_key_file(folder / "secret.key")


def write_key_folder(folder: Path, files: Mapping[str, bytes], secrets: Mapping[str, bytes] | None = None) -> None:
    """Write the files of a new key set, and those of its secrets for their owner alone. Raises `KeySetError`."""
    # The folder has another name first: a device that is killed meanwhile must not find half a key set. All is on disk
    # before it gets its own: a power cut must not take the keys of frames that the outbox has.
    partial = folder.with_name(f"{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for name, data in files.items():
            _write(partial / name, data, 0o666)
        for name, secret in (secrets or {}).items():
            _write(partial / name, secret, 0o600)
        _sync_folder(partial)
        partial.rename(folder)
        _sync_folder(folder.parent)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise KeySetError(f"can't write the key set to {folder}: {error.strerror}") from error


def _write(path: Path, data: bytes, mode: int) -> None:
    """Write a new file, of this mode less the process's mask; when this returns, it is on disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    """Have a folder's names on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
