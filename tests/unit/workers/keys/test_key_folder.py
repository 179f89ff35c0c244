"""Key sets lie in a folder that is the worker's alone; where there is none, a worker holds them itself."""

import os
import stat
import tempfile
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from workers.keys.key_folder import key_folder


def refusal(folder: Path) -> str:
    with capture_logs() as logs:
        assert key_folder(folder) is None
    (entry,) = logs
    return str(entry["reason"])


def test_it_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    folder = key_folder(tmp_path / "made" / "keys")
    assert folder == tmp_path / "made" / "keys"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert key_folder(folder) == folder


def test_by_default_it_is_among_the_users_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert key_folder(None) == tmp_path / "caches/blindsight/keys"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert key_folder(None) == tmp_path / "home/.cache/blindsight/keys"


@pytest.mark.parametrize("home", ["", "/proc/no-home"])
def test_without_a_home_that_can_be_written_to_it_is_a_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", home)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert key_folder(None) == tmp_path / f"blindsight-keys-{os.geteuid()}"


def test_one_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    assert refusal(tmp_path) == f"{tmp_path}: it isn't private; run: chmod 700 {tmp_path}"


def test_another_users_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = tmp_path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert "another user's" in refusal(tmp_path)


def test_a_link_and_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir(0o700)
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    (tmp_path / "file").touch(0o600)
    assert "isn't a folder" in refusal(tmp_path / "link")
    assert "File exists" in refusal(tmp_path / "file")
    assert "File exists" in refusal(tmp_path / "file" / "keys")
