"""Key sets on a key holder's disk: secret, public and evaluation keys under one fingerprint.

A key set is a folder:

    keyset.json        fingerprint, parameters, what the evaluation keys can do; public
    public.key         residues of the public key, packed
    times-public.key   X25519 key under which a site's devices seal capture times; not in older key sets
    evaluation.keys    the wire form of `common.keys.evaluation_keys`; public
    secret.key         SEAL's bytes, mode 0600, encrypted under a passphrase if one was given
    times-secret.key   X25519 key that opens capture times, mode and passphrase as for secret.key

Without the secret keys and `evaluation.keys` it is a *public part*: a device of a site, whose console
holds the key set, encrypts with it and can decrypt nothing.

The secret key is made together with the evaluation keys, since SEAL makes both from one
generator: a plan with other rotations needs a new key set.
"""

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Never

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from common.ckks.fhe import Ciphertext, Context, Values
from common.ckks.parameters import Parameters
from common.ckks.residues import pack_polynomials, unpack_polynomials
from common.errors import BlindsightError, KeySetError
from common.keys.evaluation_keys import EvaluationKeysHeader, encode_evaluation_keys, read_header
from common.keys.passphrase import has_lock, lock, unlock
from common.plan.plan import PlanHead

#: Files of the key for capture times.
_TIMES_PUBLIC, _TIMES_SECRET = "times-public.key", "times-secret.key"
#: Bytes of each of them, without a passphrase.
_TIMES_BYTES = 32
#: The files that a public part has; the last one isn't in older key sets.
_PUBLIC_PART = ("keyset.json", "public.key", _TIMES_PUBLIC)


@dataclass(frozen=True)
class PublicKeySet:
    """The public part of a key set, loaded: `context` encrypts, and refuses to decrypt.

    `times` seals capture times for the key set's holder. It is None in a key set of before there was such a key.
    `folder` is None for a key set that is on no disk.
    """

    header: EvaluationKeysHeader
    context: Context
    folder: Path | None
    times: X25519PublicKey | None = None

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the parameters and the public keys, hexadecimal."""
        return self.header.fingerprint

    def path(self, name: str) -> Path:
        """Where a file of the key set is. Raises `KeySetError` for one that is on no disk."""
        if self.folder is None:
            raise KeySetError(f"key set {self.fingerprint[:12]} is only in memory; save it to a folder first")
        return self.folder / name


@dataclass(frozen=True)
class KeySet(PublicKeySet):
    """A key holder's keys, loaded: `context` encrypts and decrypts."""

    def decrypt(self, ciphertext: Ciphertext) -> Values:
        """One value per slot, shape (slots,). They stay with the key holder: see `common.keys.scores`."""
        return self.context.decrypt(ciphertext)

    def evaluation_keys(self) -> bytes:
        """The wire form of the evaluation keys. Raises `KeySetError` when their file can't be read."""
        return _read(self.path("evaluation.keys"))


@dataclass(frozen=True, eq=False)
class KeyMaterial:
    """What a key set's files hold, by their names: what is public, and the secrets, which aren't encrypted here."""

    public: Mapping[str, bytes] = field(repr=False)
    secrets: Mapping[str, bytes] = field(repr=False)

    def write(self, folder: Path, passphrase: str | None = None) -> None:
        """Write it to a new folder, with the secrets under the passphrase if there is one. Raises `KeySetError`."""
        check_free(folder)
        _write_folder(folder, self.public, {name: lock(secret, passphrase) for name, secret in self.secrets.items()})

    def public_key_set(self, header: EvaluationKeysHeader, folder: Path | None) -> PublicKeySet:
        """The public part, loaded. Raises `KeySetError` where the header's fingerprint is another's."""
        where = "this key set" if folder is None else str(folder)
        public, times = self.public["public.key"], self.public.get(_TIMES_PUBLIC)
        sound = times is None or len(times) == _TIMES_BYTES
        if not sound or _fingerprint(header.parameters, public, times) != header.fingerprint:
            raise KeySetError(
                f"{where}: public.key or {_TIMES_PUBLIC} doesn't match the fingerprint; restore the key set from a "
                "backup"
            )
        context = Context(header.parameters)
        try:
            primes = context.moduli.primes
            residues = unpack_polynomials(public, 2, header.parameters.ring_dimension, primes)
        except BlindsightError as error:
            raise KeySetError(f"{where}: public.key is damaged: {error}") from error
        context.load_public_key(residues)
        return PublicKeySet(
            header, context, folder, None if times is None else X25519PublicKey.from_public_bytes(times)
        )

    def __reduce__(self) -> Never:
        raise TypeError("a key set's secrets aren't pickled; write them to a folder")

    def public_part(self) -> "KeyMaterial":
        """What a device of a site needs, and no more."""
        return KeyMaterial({name: data for name, data in self.public.items() if name in _PUBLIC_PART}, {})


def create_key_set(head: PlanHead, folder: Path, passphrase: str | None = None) -> KeySet:
    """Make a key set for a plan, and store it in `folder`; its secret keys are encrypted under a passphrase, if any.

    Raises `KeySetError` when the folder holds a key set already, or can't be written.
    """
    check_free(folder)
    key_set, material = make_key_set(head)
    material.write(folder, passphrase)
    return replace(key_set, folder=folder)


def make_key_set(head: PlanHead) -> tuple[KeySet, KeyMaterial]:
    """A new key set for a plan, in memory, and what its files are to hold."""
    context = Context(head.parameters)
    context.generate_keys(head.rotations)
    public = pack_polynomials(context.save_public_key(), head.parameters.prime_bits)
    times = X25519PrivateKey.generate()
    times_public = times.public_key().public_bytes_raw()
    header = EvaluationKeysHeader(
        fingerprint=_fingerprint(head.parameters, public, times_public),
        parameters=head.parameters,
        relinearisation_level=head.relinearisation_level,
        rotations=dict(head.rotations),
    )
    files = {
        "evaluation.keys": encode_evaluation_keys(context, header),
        "public.key": public,
        _TIMES_PUBLIC: times_public,
        "keyset.json": msgspec.json.format(msgspec.json.encode(header)),
    }
    secrets = {"secret.key": context.save_secret_key(), _TIMES_SECRET: times.private_bytes_raw()}
    return KeySet(header, context, None, times.public_key()), KeyMaterial(files, secrets)


def read_key_set(folder: Path, passphrase: str | None = None) -> tuple[KeySet, KeyMaterial]:
    """Load a key set, and what its files hold. Raises `KeySetError` like `load_key_set`."""
    key_set = load_key_set(folder, passphrase)
    times = load_times_key(key_set, passphrase)
    secrets = {"secret.key": key_set.context.save_secret_key()}
    if times is not None:
        secrets[_TIMES_SECRET] = times.private_bytes_raw()
    public = {**read_public_material(folder).public, "evaluation.keys": export_evaluation_keys(folder)}
    return key_set, KeyMaterial(public, secrets)


def load_key_set(folder: Path, passphrase: str | None = None) -> KeySet:
    """Load a key set. Raises `KeySetError` when it is missing, damaged, locked, or only a public part."""
    public = load_public(folder)
    context = public.context
    context.load_secret_key(unlock(_read_secret(folder), passphrase, folder / "secret.key"))
    if not context.has_matching_keys():
        raise KeySetError(f"{folder}: secret.key is damaged or another key set's; restore the key set from a backup")
    return KeySet(public.header, context, folder, public.times)


def load_times_key(key_set: KeySet, passphrase: str | None = None) -> X25519PrivateKey | None:
    """The key that opens the capture times that devices sealed; None in an older key set.

    Raises `KeySetError` when it is missing, damaged or locked.
    """
    if key_set.times is None:
        return None
    path = key_set.path(_TIMES_SECRET)
    secret = unlock(_read(path), passphrase, path)
    if len(secret) == _TIMES_BYTES:
        key = X25519PrivateKey.from_private_bytes(secret)
        if key.public_key() == key_set.times:
            return key
    raise KeySetError(
        f"{key_set.folder}: {_TIMES_SECRET} is damaged or another key set's; restore the key set from a backup"
    )


def load_public(folder: Path) -> PublicKeySet:
    """Load the public part of a key set, whatever else the folder holds.

    Raises `KeySetError` when it is missing or damaged.
    """
    header, material = load_header(folder), read_public_material(folder)
    return material.public_key_set(header, folder)


def read_public_material(folder: Path) -> KeyMaterial:
    """What the files of a key set's public part hold. Raises `KeySetError`."""
    names = [name for name in _PUBLIC_PART if name != _TIMES_PUBLIC or (folder / name).exists()]
    return KeyMaterial({name: _read(folder / name) for name in names}, {})


def write_public(folder: Path, out: Path) -> PublicKeySet:
    """Write the public part of a key set to the new folder `out`: all that a device of a site needs.

    Raises `KeySetError` when the key set is damaged, or `out` holds one or can't be written.
    """
    public = load_public(folder)
    read_public_material(folder).write(out)
    return public


def check_free(folder: Path) -> None:
    """Raise `KeySetError` when a folder holds a key set, or the public part of one, or can't be a new one."""
    if not folder.name:  # "." or "/", which no other folder can take the place of
        raise KeySetError(f"a key set gets a new folder of its own, and {folder} is none; give it a name, such as keys")
    if (folder / "secret.key").exists() or (folder / "keyset.json").exists():
        raise KeySetError(f"{folder} already holds a key set; choose another folder, or move that one away")


def load_header(folder: Path) -> EvaluationKeysHeader:
    """What a key set is, without its keys. Raises `KeySetError` when `keyset.json` is missing or damaged."""
    data = _read(folder / "keyset.json")
    try:
        header = msgspec.json.decode(data, type=EvaluationKeysHeader)
        header.check()
    except (BlindsightError, ValueError, RecursionError) as error:  # msgspec's are a kind of ValueError
        raise KeySetError(f"{folder}/keyset.json is damaged: {error}") from error
    return header


def holds_secret(folder: Path) -> bool:
    """Whether a folder has a secret key, which a public part doesn't."""
    return any((folder / name).exists() for name in ("secret.key", _TIMES_SECRET))


def is_locked(folder: Path) -> bool:
    """Whether the secret key is encrypted under a passphrase. Raises `KeySetError` when there is none."""
    return has_lock(_read_secret(folder))


def export_evaluation_keys(folder: Path) -> bytes:
    """The wire form of the evaluation keys, for a worker that gets them another way than over MQTT.

    Raises `KeySetError` when their file can't be read, and `WireError` when it is damaged.
    """
    data = _read(folder / "evaluation.keys")
    read_header(data)
    return data


def _fingerprint(parameters: Parameters, public: bytes, times: bytes | None) -> str:
    if times is None:  # a key set of before there was such a key
        return hashlib.sha256(b"blindsight key set 1\0" + parameters.digest() + public).hexdigest()
    return hashlib.sha256(b"blindsight key set 2\0" + parameters.digest() + times + public).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise KeySetError(f"{path} is missing; make a key set with: blindsight keys create") from error
    except OSError as error:
        raise KeySetError(f"can't read {path}: {error.strerror}") from error


def _read_secret(folder: Path) -> bytes:
    if not holds_secret(folder) and (folder / "keyset.json").exists():
        raise KeySetError(
            f"{folder}/secret.key is missing: what is there is the public part of a key set, which encrypts but can't "
            "decrypt; restore the key set from a backup, or, for a device of a site: --custody site"
        )
    return _read(folder / "secret.key")


def _write_folder(folder: Path, files: Mapping[str, bytes], secrets: Mapping[str, bytes] | None = None) -> None:
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
