"""The public part of a key set encrypts, and decrypts nothing."""

from pathlib import Path

import numpy as np
import pytest

from common.errors import KeySetError
from common.keys.key_folder import holds_secret, is_locked
from common.keys.key_set import PublicKeySet, load_header, load_key_set, load_public, write_public
from tests.unit.common.keys.key_set.folders import HEAD, copy

PUBLIC = ("keyset.json", "public.key", "times-public.key")


def test_the_public_part_is_three_public_files(folder: Path, tmp_path: Path) -> None:
    written = write_public(folder, tmp_path / "public")
    assert sorted(path.name for path in (tmp_path / "public").iterdir()) == [*PUBLIC]
    assert all((tmp_path / "public" / name).read_bytes() == (folder / name).read_bytes() for name in PUBLIC)
    assert load_public(tmp_path / "public").header == written.header == load_header(folder)
    assert holds_secret(folder) and not holds_secret(tmp_path / "public")
    (tmp_path / "public" / "times-secret.key").write_bytes((folder / "times-secret.key").read_bytes())
    assert holds_secret(tmp_path / "public")


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
