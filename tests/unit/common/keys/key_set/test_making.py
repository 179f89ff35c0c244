"""Key sets are made whole, private and once; secrets are nowhere else."""

import os
import pickle
import stat
from pathlib import Path

import pytest

from common.errors import KeySetError
from common.keys.key_set import KeySet, create_key_set, export_evaluation_keys, load_header, load_key_set
from tests.unit.common.keys.key_set.folders import HEAD


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
