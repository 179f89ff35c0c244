"""Key sets on disk: the secret key in one private file, everything else checked against the fingerprint."""

import base64
import hashlib
import json
import os
import pickle
import stat
from pathlib import Path

import numpy as np
import pytest
from cryptography.fernet import Fernet

from common.errors import InsecureError, KeySetError
from common.keys.key_folder import holds_secret, is_locked
from common.keys.key_set import (
    KeySet,
    PublicKeySet,
    create_key_set,
    export_evaluation_keys,
    load_fingerprint,
    load_header,
    load_key_set,
    load_public,
    load_times_key,
    write_public,
)
from models.plans import get_plan

HEAD = get_plan("digits", 128).head


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys") / "set"
    create_key_set(HEAD, folder)
    return folder


def copy(folder: Path, target: Path) -> Path:
    target.mkdir()
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return target


def test_a_key_set_loads_as_it_was_made(folder: Path) -> None:
    key_set = load_key_set(folder)
    assert key_set.header == load_header(folder)
    assert len(key_set.fingerprint) == 64
    assert export_evaluation_keys(folder) == key_set.evaluation_keys()


def test_the_secret_keys_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        create_key_set(HEAD, tmp_path / "set")
    finally:
        os.umask(before)
    for name in ("secret.key", "times-secret.key"):
        assert stat.S_IMODE((tmp_path / "set" / name).stat().st_mode) == 0o600


def test_the_secret_key_is_in_no_other_file_and_in_nothing_printed_or_pickled(folder: Path) -> None:
    secret, of_times = [(folder / name).read_bytes() for name in ("secret.key", "times-secret.key")]
    pieces = [of_times, *(secret[start : start + 24] for start in range(500, len(secret) - 24, 10_000))]
    key_set: KeySet = load_key_set(folder)
    with pytest.raises(TypeError, match="isn't pickled") as refused:
        pickle.dumps(key_set)
    shown = [repr(key_set).encode(), str(key_set).encode(), str(refused.value).encode()]
    others = [path.read_bytes() for path in folder.iterdir() if "secret" not in path.name]
    assert not any(piece in data for piece in pieces for data in shown + others)


def test_a_key_set_is_never_overwritten(folder: Path) -> None:
    with pytest.raises(KeySetError, match="already holds a key set"):
        create_key_set(HEAD, folder)


def test_half_a_key_set_that_a_crash_left_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "set.partial").mkdir()
    (tmp_path / "set.partial" / "keyset.json").write_text("half")
    made = create_key_set(HEAD, tmp_path / "set")
    assert load_key_set(tmp_path / "set").fingerprint == made.fingerprint
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_all_of_a_key_set_is_on_disk_before_its_folder_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a power cut would leave an empty secret key, and frames in the outbox that nobody can read."""
    synced: list[tuple[Path, bool]] = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        fsync(descriptor)
        synced.append((Path(f"/proc/self/fd/{descriptor}").readlink(), (tmp_path / "keys").exists()))

    monkeypatch.setattr(os, "fsync", record)
    create_key_set(HEAD, tmp_path / "keys")
    partial = tmp_path / "keys.partial"
    before = {path for path, named in synced if not named}
    assert before == {partial, *(partial / path.name for path in (tmp_path / "keys").iterdir())}
    assert synced[-1] == (tmp_path, True)  # and the name itself


@pytest.mark.parametrize("folder", [".", "/"])
def test_a_folder_without_a_name_is_refused(folder: str) -> None:
    with pytest.raises(KeySetError, match="gets a new folder of its own"):
        create_key_set(HEAD, Path(folder))


@pytest.mark.slow
def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "notes").write_text("mine")
    with pytest.raises(KeySetError, match="can't write the key set"):
        create_key_set(HEAD, folder)
    assert [path.name for path in tmp_path.rglob("*")] == ["set", "notes"]


@pytest.mark.slow
def test_a_passphrase_locks_the_secret_keys_and_only_it_opens_them(tmp_path: Path) -> None:
    key_set = create_key_set(HEAD, tmp_path / "set", "correct horse")
    assert is_locked(tmp_path / "set")
    times = load_times_key(key_set, "correct horse")
    assert times is not None and times.private_bytes_raw() not in (tmp_path / "set" / "times-secret.key").read_bytes()
    with pytest.raises(KeySetError, match="doesn't open"):
        load_times_key(key_set, "wrong")
    assert load_key_set(tmp_path / "set", "correct horse").fingerprint == load_header(tmp_path / "set").fingerprint
    with pytest.raises(KeySetError, match="doesn't open"):
        load_key_set(tmp_path / "set", "wrong")
    with pytest.raises(KeySetError, match="BLINDSIGHT_PASSPHRASE_FILE"):
        load_key_set(tmp_path / "set")


def test_a_secret_key_locked_by_an_earlier_version_opens(folder: Path, tmp_path: Path) -> None:
    """Scrypt of N = 2^15, and no cost recorded."""
    old, salt = copy(folder, tmp_path / "set"), bytes(range(16))
    key = hashlib.scrypt(b"correct horse", salt=salt, n=2**15, r=8, p=1, maxmem=2**26, dklen=32)
    locked = Fernet(base64.urlsafe_b64encode(key)).encrypt((folder / "secret.key").read_bytes())
    (old / "secret.key").write_bytes(b"BSSK1\0" + salt + locked)
    assert is_locked(old)
    assert load_key_set(old, "correct horse").fingerprint == load_header(folder).fingerprint


@pytest.mark.slow
def test_a_locked_secret_key_has_the_cost_that_owasp_advises(tmp_path: Path) -> None:
    create_key_set(HEAD, tmp_path / "set", "correct horse")
    data = (tmp_path / "set" / "secret.key").read_bytes()
    assert data[:7] == b"BSSK2\0\x11"
    key = hashlib.scrypt(b"correct horse", salt=data[7:23], n=2**17, r=8, p=1, maxmem=2**28, dklen=32)
    Fernet(base64.urlsafe_b64encode(key)).decrypt(data[23:])


@pytest.mark.parametrize("cost", [0, 14, 19, 40, 255])
def test_a_cost_that_would_take_all_memory_or_none_is_refused(folder: Path, tmp_path: Path, cost: int) -> None:
    hostile = copy(folder, tmp_path / "set")
    (hostile / "secret.key").write_bytes(b"BSSK2\0" + bytes([cost]) + bytes(200))
    with pytest.raises(KeySetError, match=rf"its cost is 2\^{cost}"):
        load_key_set(hostile, "correct horse")


@pytest.mark.parametrize("length", [6, 7, 20, 40])
def test_a_locked_secret_key_that_was_cut_is_refused(folder: Path, tmp_path: Path, length: int) -> None:
    short = copy(folder, tmp_path / "set")
    (short / "secret.key").write_bytes((b"BSSK2\0\x0f" + bytes(100))[:length])
    with pytest.raises(KeySetError):
        load_key_set(short, "correct horse")


@pytest.mark.parametrize("name", ["public.key", "secret.key", "keyset.json", "evaluation.keys"])
def test_a_missing_file_is_named(folder: Path, tmp_path: Path, name: str) -> None:
    damaged = copy(folder, tmp_path / "set")
    (damaged / name).unlink()
    with pytest.raises(KeySetError, match=f"{name} is missing"):
        load_key_set(damaged).evaluation_keys()


@pytest.mark.parametrize("name", ["public.key", "secret.key", "keyset.json"])
def test_a_damaged_file_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    damaged = copy(folder, tmp_path / "set")
    data = (damaged / name).read_bytes()
    (damaged / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(KeySetError):
        load_key_set(damaged)


def test_keys_that_the_parameters_do_not_allow_are_refused_before_their_size_is_worked_out(
    folder: Path, tmp_path: Path
) -> None:
    damaged = copy(folder, tmp_path / "set")
    fields = json.loads((damaged / "keyset.json").read_bytes())
    (damaged / "keyset.json").write_text(json.dumps({**fields, "relinearisation_level": 10**15}))
    with pytest.raises(KeySetError, match="relinearisation has level 1000000000000000"):
        load_key_set(damaged)


def below_the_floor(folder: Path) -> None:
    """Make a key set one of before the floor was 214 bits."""
    fields = json.loads((folder / "keyset.json").read_bytes())
    fields["parameters"]["prime_bits"] = [50, 54, 52, 60]
    (folder / "keyset.json").write_text(json.dumps(fields))


def test_a_key_set_of_before_a_stricter_floor_is_refused_and_still_known(folder: Path, tmp_path: Path) -> None:
    old = copy(folder, tmp_path / "set")
    below_the_floor(old)
    for load in (load_header, load_key_set, load_public):
        with pytest.raises(InsecureError, match=r"set is of an earlier version.*216 bits.*keys create"):
            load(old)
    assert load_fingerprint(old) == load_header(folder).fingerprint


@pytest.mark.parametrize("position", [0.1, 0.5, 0.7])  # the last quarter, the special prime's, decrypts nothing
def test_a_bit_flipped_in_an_unlocked_secret_key_is_noticed(folder: Path, tmp_path: Path, position: float) -> None:
    damaged = copy(folder, tmp_path / "set")
    data = bytearray((damaged / "secret.key").read_bytes())
    data[int(position * len(data)) // 8 * 8] ^= 1  # the lowest bit of a residue: still below its prime
    (damaged / "secret.key").write_bytes(data)
    with pytest.raises(KeySetError, match=r"secret\.key|secret key's bytes"):
        load_key_set(damaged)


@pytest.mark.slow
def test_another_key_set_s_secret_key_is_noticed(folder: Path, tmp_path: Path) -> None:
    create_key_set(HEAD, tmp_path / "other")
    mixed = copy(folder, tmp_path / "set")
    (mixed / "secret.key").write_bytes((tmp_path / "other" / "secret.key").read_bytes())
    with pytest.raises(KeySetError, match="another key set's"):
        load_key_set(mixed)


@pytest.mark.slow
def test_a_locked_secret_key_that_was_altered_is_not_opened(tmp_path: Path) -> None:
    create_key_set(HEAD, tmp_path / "set", "correct horse")
    data = bytearray((tmp_path / "set" / "secret.key").read_bytes())
    data[-100] ^= 1
    (tmp_path / "set" / "secret.key").write_bytes(data)
    with pytest.raises(KeySetError, match="doesn't open"):
        load_key_set(tmp_path / "set", "correct horse")


def test_a_public_key_that_was_exchanged_is_noticed(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    create_key_set(HEAD, other)
    mixed = copy(folder, tmp_path / "set")
    (mixed / "public.key").write_bytes((other / "public.key").read_bytes())
    with pytest.raises(KeySetError, match="doesn't match the fingerprint"):
        load_key_set(mixed)


PUBLIC = ("keyset.json", "public.key", "times-public.key")


def test_the_public_part_is_three_public_files(folder: Path, tmp_path: Path) -> None:
    written = write_public(folder, tmp_path / "public")
    assert sorted(path.name for path in (tmp_path / "public").iterdir()) == [*PUBLIC]
    assert all((tmp_path / "public" / name).read_bytes() == (folder / name).read_bytes() for name in PUBLIC)
    assert load_public(tmp_path / "public").header == written.header == load_header(folder)
    assert holds_secret(folder) and not holds_secret(tmp_path / "public")
    (tmp_path / "public" / "times-secret.key").write_bytes((folder / "times-secret.key").read_bytes())
    assert holds_secret(tmp_path / "public")


@pytest.mark.slow
def test_the_key_for_capture_times_is_the_one_that_the_fingerprint_names(folder: Path, tmp_path: Path) -> None:
    key_set = load_key_set(folder)
    key = load_times_key(key_set)
    assert key is not None and key.public_key() == key_set.times == load_public(folder).times
    create_key_set(HEAD, tmp_path / "other")
    for name in ("times-public.key", "times-secret.key"):
        for number, wrong in enumerate([(tmp_path / "other" / name).read_bytes(), b"short", None]):
            changed = copy(folder, tmp_path / f"{name}{number}")
            (changed / name).unlink()
            if wrong is not None:
                (changed / name).write_bytes(wrong)
            with pytest.raises(KeySetError, match=name):
                load_times_key(load_key_set(changed))


def test_a_key_set_of_an_earlier_version_works_without_a_key_for_capture_times(folder: Path, tmp_path: Path) -> None:
    earlier = copy(folder, tmp_path / "set")
    for name in ("times-public.key", "times-secret.key"):
        (earlier / name).unlink()
    header = load_header(folder)
    named = hashlib.sha256(
        b"blindsight key set 1\0" + header.parameters.digest() + (folder / "public.key").read_bytes()
    ).hexdigest()
    (earlier / "keyset.json").write_bytes(
        (folder / "keyset.json").read_bytes().replace(header.fingerprint.encode(), named.encode())
    )
    key_set = load_key_set(earlier)
    assert (key_set.fingerprint, key_set.times, load_times_key(key_set)) == (named, None, None)
    write_public(earlier, tmp_path / "public")
    assert sorted(path.name for path in (tmp_path / "public").iterdir()) == ["keyset.json", "public.key"]


def test_the_public_part_encrypts_for_the_whole_and_decrypts_nothing(folder: Path, tmp_path: Path) -> None:
    write_public(folder, tmp_path / "public")
    public, whole = load_public(tmp_path / "public"), load_key_set(folder)
    values = np.linspace(-1, 1, HEAD.parameters.slots)
    ciphertext = public.context.encrypt(values, 2.0**26)
    residues = public.context.save_ciphertext(ciphertext)
    assert np.abs(whole.decrypt(whole.context.load_ciphertext(residues, 2.0**26)) - values).max() < 1e-3
    assert not hasattr(PublicKeySet, "decrypt")
    with pytest.raises(KeySetError, match="no secret key here"):
        public.context.decrypt(ciphertext)


def test_the_public_part_of_a_whole_folder_decrypts_nothing_either(folder: Path) -> None:
    public = load_public(folder)
    with pytest.raises(KeySetError, match="no secret key here"):
        public.context.decrypt(public.context.encrypt(np.ones(4), 2.0**26))


def test_a_public_part_is_not_taken_for_a_whole_key_set(folder: Path, tmp_path: Path) -> None:
    write_public(folder, tmp_path / "public")
    with pytest.raises(KeySetError, match=r"secret\.key is missing: .* public part"):
        load_key_set(tmp_path / "public")
    with pytest.raises(KeySetError, match="public part"):
        is_locked(tmp_path / "public")


def test_a_public_part_overwrites_nothing_and_a_damaged_key_set_gives_none(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(KeySetError, match="already holds a key set"):
        write_public(folder, folder)
    damaged = copy(folder, tmp_path / "damaged")
    (damaged / "public.key").write_bytes(b"damaged")
    with pytest.raises(KeySetError, match="doesn't match the fingerprint"):
        write_public(damaged, tmp_path / "public")
    assert not (tmp_path / "public").exists()
