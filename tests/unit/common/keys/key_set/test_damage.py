"""Everything that a folder holds is checked against the fingerprint."""

import json
from pathlib import Path

import pytest

from common.errors import KeySetError
from common.keys.key_set import create_key_set, load_key_set, load_public, load_times_key
from tests.unit.common.keys.key_set.folders import HEAD, copy


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


def test_a_public_key_that_was_exchanged_is_noticed(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    create_key_set(HEAD, other)
    mixed = copy(folder, tmp_path / "set")
    (mixed / "public.key").write_bytes((other / "public.key").read_bytes())
    with pytest.raises(KeySetError, match="doesn't match the fingerprint"):
        load_key_set(mixed)


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
