"""Key sets: secret, public and evaluation keys under one fingerprint, in memory and in a folder.

The secret key is made together with the evaluation keys, since SEAL makes both from one
generator: a plan with other rotations needs a new key set.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Never, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from common.ckks.fhe import Ciphertext, Context, Values
from common.ckks.parameters import Parameters
from common.ckks.residues import pack_polynomials, unpack_polynomials
from common.ckks.seeding import Seeding
from common.errors import BlindsightError, InsecureError, KeySetError
from common.keys.evaluation_keys import (
    EvaluationKeysHeader,
    encode_evaluation_keys,
    make_seeded_keys,
    read_header,
)
from common.keys.key_folder import (
    TIMES_PUBLIC,
    TIMES_SECRET,
    check_free,
    read_key_file,
    read_secret_key,
    write_key_folder,
)
from common.keys.passphrase import lock, unlock
from common.plan.plan import PlanHead

#: Bytes of each half of the pair for capture times, without a passphrase.
_TIMES_BYTES = 32
#: The files that a public part has; the last one isn't in older key sets.
_PUBLIC_PART = ("keyset.json", "public.key", TIMES_PUBLIC)


class _Named(msgspec.Struct):
    """What of a key set's header tells which one it is."""

    fingerprint: str


_Header = TypeVar("_Header", EvaluationKeysHeader, _Named)


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
        return read_key_file(self.path("evaluation.keys"))


@dataclass(frozen=True, eq=False)
class KeyMaterial:
    """What a key set's files hold, by their names: what is public, and the secrets, which aren't encrypted here."""

    public: Mapping[str, bytes] = field(repr=False)
    secrets: Mapping[str, bytes] = field(repr=False)

    def write(self, folder: Path, passphrase: str | None = None) -> None:
        """Write it to a new folder, with the secrets under the passphrase if there is one. Raises `KeySetError`."""
        check_free(folder)
        write_key_folder(folder, self.public, {name: lock(secret, passphrase) for name, secret in self.secrets.items()})

    def public_key_set(self, header: EvaluationKeysHeader, folder: Path | None) -> PublicKeySet:
        """The public part, loaded. Raises `KeySetError` where the header's fingerprint is another's."""
        where = "this key set" if folder is None else str(folder)
        public, times = self.public["public.key"], self.public.get(TIMES_PUBLIC)
        sound = times is None or len(times) == _TIMES_BYTES
        if not sound or _fingerprint(header.parameters, public, times) != header.fingerprint:
            raise KeySetError(
                f"{where}: public.key or {TIMES_PUBLIC} doesn't match the fingerprint; restore the key set from a "
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
    context.generate_secret_key()
    seeding = context.seeding()
    public = pack_polynomials(context.save_public_key(), head.parameters.prime_bits)
    times = X25519PrivateKey.generate()
    times_public = times.public_key().public_bytes_raw()
    fingerprint = _fingerprint(head.parameters, public, times_public)
    header = EvaluationKeysHeader.for_plan(head, fingerprint, seeded=seeding is not None)
    files = {
        "evaluation.keys": _evaluation_keys(context, seeding, header),
        "public.key": public,
        TIMES_PUBLIC: times_public,
        "keyset.json": msgspec.json.format(msgspec.json.encode(header)),
    }
    secrets = {"secret.key": context.save_secret_key(), TIMES_SECRET: times.private_bytes_raw()}
    return KeySet(header, context, None, times.public_key()), KeyMaterial(files, secrets)


def read_key_set(folder: Path, passphrase: str | None = None) -> tuple[KeySet, KeyMaterial]:
    """Load a key set, and what its files hold. Raises `KeySetError` like `load_key_set`."""
    key_set = load_key_set(folder, passphrase)
    times = load_times_key(key_set, passphrase)
    secrets = {"secret.key": key_set.context.save_secret_key()}
    if times is not None:
        secrets[TIMES_SECRET] = times.private_bytes_raw()
    public = {**read_public_material(folder).public, "evaluation.keys": export_evaluation_keys(folder)}
    return key_set, KeyMaterial(public, secrets)


def load_key_set(folder: Path, passphrase: str | None = None) -> KeySet:
    """Load a key set. Raises `KeySetError` when it is missing, damaged, locked, or only a public part."""
    public = load_public(folder)
    context = public.context
    context.load_secret_key(unlock(read_secret_key(folder), passphrase, folder / "secret.key"))
    if not context.has_matching_keys():
        raise KeySetError(f"{folder}: secret.key is damaged or another key set's; restore the key set from a backup")
    return KeySet(public.header, context, folder, public.times)


def load_times_key(key_set: KeySet, passphrase: str | None = None) -> X25519PrivateKey | None:
    """The key that opens the capture times that devices sealed; None in an older key set.

    Raises `KeySetError` when it is missing, damaged or locked.
    """
    if key_set.times is None:
        return None
    path = key_set.path(TIMES_SECRET)
    secret = unlock(read_key_file(path), passphrase, path)
    if len(secret) == _TIMES_BYTES:
        key = X25519PrivateKey.from_private_bytes(secret)
        if key.public_key() == key_set.times:
            return key
    raise KeySetError(
        f"{key_set.folder}: {TIMES_SECRET} is damaged or another key set's; restore the key set from a backup"
    )


def load_public(folder: Path) -> PublicKeySet:
    """Load the public part of a key set, whatever else the folder holds.

    Raises `KeySetError` when it is missing or damaged.
    """
    header, material = load_header(folder), read_public_material(folder)
    return material.public_key_set(header, folder)


def read_public_material(folder: Path) -> KeyMaterial:
    """What the files of a key set's public part hold. Raises `KeySetError`."""
    names = [name for name in _PUBLIC_PART if name != TIMES_PUBLIC or (folder / name).exists()]
    return KeyMaterial({name: read_key_file(folder / name) for name in names}, {})


def write_public(folder: Path, out: Path) -> PublicKeySet:
    """Write the public part of a key set to the new folder `out`: all that a device of a site needs.

    Raises `KeySetError` when the key set is damaged, or `out` holds one or can't be written.
    """
    public = load_public(folder)
    read_public_material(folder).write(out)
    return public


def load_header(folder: Path) -> EvaluationKeysHeader:
    """What a key set is, without its keys.

    Raises `KeySetError` when `keyset.json` is missing or damaged, and `InsecureError` for a key set of an earlier
    version that is below the security floor.
    """
    return _read_header(folder, EvaluationKeysHeader)


def load_fingerprint(folder: Path) -> str:
    """A key set's fingerprint, even where the key set is below the security floor. Raises `KeySetError`."""
    return _read_header(folder, _Named).fingerprint


def export_evaluation_keys(folder: Path) -> bytes:
    """The wire form of the evaluation keys, for a worker that gets them another way than over MQTT.

    Raises `KeySetError` when their file can't be read, and `WireError` when it is damaged.
    """
    data = read_key_file(folder / "evaluation.keys")
    read_header(data)
    return data


def _read_header(folder: Path, kind: type[_Header]) -> _Header:
    data = read_key_file(folder / "keyset.json")
    try:
        header = msgspec.json.decode(data, type=kind)
        if isinstance(header, EvaluationKeysHeader):
            header.check()
    except InsecureError as error:
        raise InsecureError(
            f"the key set in {folder} is of an earlier version, within a weaker bound: {error}. Make one for the plan "
            "compiled anew, with: blindsight keys create"
        ) from error
    except (BlindsightError, ValueError, RecursionError) as error:  # msgspec's are a kind of ValueError
        raise KeySetError(f"{folder}/keyset.json is damaged: {error}") from error
    return header


def _evaluation_keys(context: Context, seeding: Seeding | None, header: EvaluationKeysHeader) -> bytes:
    if seeding is not None:
        return make_seeded_keys(seeding, header)
    context.generate_evaluation_keys(header.rotations)
    return encode_evaluation_keys(context, header)


def _fingerprint(parameters: Parameters, public: bytes, times: bytes | None) -> str:
    if times is None:  # a key set of before there was such a key
        return hashlib.sha256(b"blindsight key set 1\0" + parameters.digest() + public).hexdigest()
    return hashlib.sha256(b"blindsight key set 2\0" + parameters.digest() + times + public).hexdigest()
