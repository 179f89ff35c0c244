"""Secret keys under a passphrase."""

import base64
import hashlib
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from common.errors import KeySetError
from common.keys.key_folder import is_locked
from common.keys.key_set import create_key_set, load_header, load_key_set, load_times_key
from tests.unit.common.keys.key_set.folders import HEAD, copy


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


@pytest.mark.slow
def test_a_locked_secret_key_that_was_altered_is_not_opened(tmp_path: Path) -> None:
    create_key_set(HEAD, tmp_path / "set", "correct horse")
    data = bytearray((tmp_path / "set" / "secret.key").read_bytes())
    data[-100] ^= 1
    (tmp_path / "set" / "secret.key").write_bytes(data)
    with pytest.raises(KeySetError, match="doesn't open"):
        load_key_set(tmp_path / "set", "correct horse")
