"""Key sets on a key holder's disk: secret, public and evaluation keys under one fingerprint.

A key set is a folder:

    keyset.json       fingerprint, parameters, what the evaluation keys can do; public
    public.key        residues of the public key, packed
    evaluation.keys   the wire form of `common.evaluation_keys`; public
    secret.key        SEAL's bytes, mode 0600, encrypted under a passphrase if one was given

Without `secret.key` and `evaluation.keys` it is a *public part*: a device of a site, whose console
holds the key set, encrypts with it and can decrypt nothing.

The secret key is made together with the evaluation keys, since SEAL makes both from one
generator: a plan with other rotations needs a new key set.
"""

import base64
import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidKey
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from common.errors import BlindsightError, KeySetError
from common.evaluation_keys import EvaluationKeysHeader, encode_evaluation_keys, read_header
from common.fhe import Ciphertext, Context, Values
from common.parameters import Parameters
from common.plan import PlanHead
from common.residues import pack_polynomials, unpack_polynomials

_LOCKED = b"BSSK1\0"
_SALT_BYTES = 16
_SCRYPT_COST = 2**15


@dataclass(frozen=True)
class PublicKeySet:
    """The public part of a key set, loaded: `context` encrypts, and refuses to decrypt."""

    header: EvaluationKeysHeader
    context: Context
    folder: Path

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the parameters and the public key, hexadecimal."""
        return self.header.fingerprint


@dataclass(frozen=True)
class KeySet(PublicKeySet):
    """A key holder's keys, loaded: `context` encrypts and decrypts."""

    def decrypt(self, ciphertext: Ciphertext) -> Values:
        """One value per slot. They stay with the key holder: see `common.scores`."""
        return self.context.decrypt(ciphertext)

    def evaluation_keys(self) -> bytes:
        """The wire form of the evaluation keys."""
        return _read(self.folder / "evaluation.keys")


def create_key_set(head: PlanHead, folder: Path, passphrase: str | None = None) -> KeySet:
    """Make a key set for a plan and store it in `folder`, which must not hold one yet."""
    if (folder / "secret.key").exists():
        raise KeySetError(f"{folder} already holds a key set; choose another folder, or move that one away")
    context = Context(head.parameters)
    context.generate_keys(head.rotations)
    public = pack_polynomials(context.save_public_key(), head.parameters.prime_bits)
    header = EvaluationKeysHeader(
        fingerprint=_fingerprint(head.parameters, public),
        parameters=head.parameters,
        relinearisation_level=head.relinearisation_level,
        rotations=dict(head.rotations),
    )
    files = {
        "evaluation.keys": encode_evaluation_keys(context, header),
        "public.key": public,
        "keyset.json": msgspec.json.format(msgspec.json.encode(header)),
    }
    _write_folder(folder, files, _lock(context.save_secret_key(), passphrase))
    return KeySet(header, context, folder)


def load_key_set(folder: Path, passphrase: str | None = None) -> KeySet:
    """Load a key set. Raises `KeySetError` when it is missing, damaged, locked, or only a public part."""
    public = load_public(folder)
    context = public.context
    context.load_secret_key(_unlock(_read_secret(folder), passphrase, folder))
    if not context.has_matching_keys():
        raise KeySetError(f"{folder}: secret.key is damaged or another key set's; restore the key set from a backup")
    return KeySet(public.header, context, folder)


def load_public(folder: Path) -> PublicKeySet:
    """Load the public part of a key set, whatever else the folder holds. Raises `KeySetError`."""
    header = load_header(folder)
    public = _read(folder / "public.key")
    if _fingerprint(header.parameters, public) != header.fingerprint:
        raise KeySetError(f"{folder}: public.key doesn't match the fingerprint; restore the key set from a backup")
    context = Context(header.parameters)
    try:
        primes = context.moduli.primes
        residues = unpack_polynomials(public, 2, header.parameters.ring_dimension, primes)
    except BlindsightError as error:
        raise KeySetError(f"{folder}: public.key is damaged: {error}") from error
    context.load_public_key(residues)
    return PublicKeySet(header, context, folder)


def write_public(folder: Path, out: Path) -> PublicKeySet:
    """Write the public part of a key set to the new folder `out`: all that a device of a site needs.

    Raises `KeySetError` when the key set is damaged, or `out` holds one or can't be written.
    """
    public = load_public(folder)
    if (out / "keyset.json").exists():
        raise KeySetError(f"{out} already holds a key set; choose another folder, or move that one away")
    _write_folder(out, {name: _read(folder / name) for name in ("keyset.json", "public.key")})
    return public


def load_header(folder: Path) -> EvaluationKeysHeader:
    """What a key set is, without its keys."""
    data = _read(folder / "keyset.json")
    try:
        return msgspec.json.decode(data, type=EvaluationKeysHeader)
    except (BlindsightError, ValueError, RecursionError) as error:  # msgspec's are a kind of ValueError
        raise KeySetError(f"{folder}/keyset.json is damaged: {error}") from error


def holds_secret(folder: Path) -> bool:
    """Whether a folder has a secret key, which a public part doesn't."""
    return (folder / "secret.key").exists()


def is_locked(folder: Path) -> bool:
    """Whether the secret key is encrypted under a passphrase."""
    return _read_secret(folder).startswith(_LOCKED)


def export_evaluation_keys(folder: Path) -> bytes:
    """The evaluation keys, checked, for a worker that gets them another way than over MQTT."""
    data = _read(folder / "evaluation.keys")
    read_header(data)
    return data


def _fingerprint(parameters: Parameters, public: bytes) -> str:
    return hashlib.sha256(b"blindsight key set 1\0" + parameters.digest() + public).hexdigest()


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
            "decrypt; restore the key set from a backup, or run this device for its site with: --custody site"
        )
    return _read(folder / "secret.key")


def _write_folder(folder: Path, files: dict[str, bytes], secret: bytes | None = None) -> None:
    # Under another name first: a device that is killed meanwhile must not find half a key set.
    partial = folder.with_name(f"{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for name, data in files.items():
            (partial / name).write_bytes(data)
        if secret is not None:
            _write_private(partial / "secret.key", secret)
        partial.rename(folder)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise KeySetError(f"can't write the key set to {folder}: {error.strerror}") from error


def _write_private(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _lock(secret: bytes, passphrase: str | None) -> bytes:
    if passphrase is None:
        return secret
    salt = os.urandom(_SALT_BYTES)
    return _LOCKED + salt + _fernet(passphrase, salt).encrypt(secret)


def _unlock(data: bytes, passphrase: str | None, folder: Path) -> bytes:
    if not data.startswith(_LOCKED):
        return data
    if passphrase is None:
        raise KeySetError(f"the key set in {folder} is locked; give its passphrase (BLINDSIGHT_PASSPHRASE_FILE)")
    salt = data[len(_LOCKED) : len(_LOCKED) + _SALT_BYTES]
    try:
        return _fernet(passphrase, salt).decrypt(data[len(_LOCKED) + _SALT_BYTES :])
    except (InvalidToken, InvalidKey):
        raise KeySetError(f"the passphrase doesn't open the key set in {folder}") from None


def _fernet(passphrase: str, salt: bytes) -> Fernet:
    key = Scrypt(salt=salt, length=32, n=_SCRYPT_COST, r=8, p=1).derive(passphrase.encode())
    return Fernet(base64.urlsafe_b64encode(key))
