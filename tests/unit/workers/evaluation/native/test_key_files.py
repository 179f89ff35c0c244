"""Files of keys: what is read from one is what was written, whoever wrote it; and the least used go first."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from common.ckks.fhe import Context
from common.ckks.parameters import Parameters
from common.errors import WireError
from common.keys.evaluation_keys import EvaluationKeysHeader, encode_evaluation_keys

pytest.importorskip("blindsight_engine", reason="the extension isn't installed")

from workers.evaluation.native.engine import NativeEngine
from workers.evaluation.native.key_files import MappedKeyFiles

PARAMETERS = Parameters(128, 4096, (30, 30, 30))
HEADER = EvaluationKeysHeader("ab" * 32, PARAMETERS, 1, {1: 0, 2: 1})
NAME, DIGEST = ("cam", "ab" * 32), b"12" * 32


@pytest.fixture(scope="module")
def wire() -> bytes:
    context = Context(PARAMETERS)
    context.generate_keys([1, 2])
    return encode_evaluation_keys(context, HEADER)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path


def files(folder: Path, budget: int = 10**9) -> MappedKeyFiles:
    """As a process of its own has them."""
    return NativeEngine().key_files(folder, budget)


def size_of_a_file(folder: Path, wire: bytes) -> int:
    kept = files(folder).keep(NAME, DIGEST, wire)
    assert kept is not None
    size = kept.path.stat().st_size
    kept.path.unlink()
    return size


def test_another_process_finds_the_same_keys_and_takes_no_memory_for_them(folder: Path, wire: bytes) -> None:
    files(folder).keep(NAME, DIGEST, wire)
    found, loaded = files(folder).find(NAME, DIGEST), NativeEngine().load_keys(wire)
    assert found is not None
    assert (found.header, found.size) == (HEADER, 0)
    assert found.keys.elements == loaded.keys.elements
    for element in found.keys.elements:
        np.testing.assert_array_equal(found.keys.words(element), loaded.keys.words(element))
    assert loaded.size == sum(loaded.keys.words(element).nbytes for element in loaded.keys.elements)


def test_a_file_is_for_its_owner_alone_and_nothing_else_stays(folder: Path, wire: bytes) -> None:
    kept = files(folder).keep(NAME, DIGEST, wire)
    assert kept is not None
    assert list(folder.iterdir()) == [kept.path]
    assert kept.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("name", "digest"), [(("cam", "cd" * 32), DIGEST), (("other", "ab" * 32), DIGEST), (NAME, b"\xff" * 32)]
)
def test_keys_of_another_name_or_content_are_not_found(
    folder: Path, wire: bytes, name: tuple[str, str], digest: bytes
) -> None:
    files(folder).keep(NAME, DIGEST, wire)
    assert files(folder).find(name, digest) is None


def test_keys_of_another_build_of_the_engine_are_not_found(
    folder: Path, wire: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    files(folder).keep(NAME, DIGEST, wire)
    monkeypatch.setattr("workers.evaluation.native.keys._build", lambda: "another")
    assert files(folder).find(NAME, DIGEST) is None


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "cut": lambda data: data[:-1],
    "cut in the middle": lambda data: data[: len(data) // 2],
    "foot alone": lambda data: data[-12:],
    "words removed": lambda data: data[4096:],
    "a head of another size": lambda data: data[:-12] + b"\xff\xff\xff\x00" + data[-8:],
    "a head that is none": lambda data: data[:-112] + bytes(100) + data[-12:],
    "foreign": lambda data: bytes(len(data)),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_counts_as_none_and_is_made_anew(
    folder: Path, wire: bytes, damage: Callable[[bytes], bytes]
) -> None:
    kept = files(folder).keep(NAME, DIGEST, wire)
    assert kept is not None
    whole = kept.path.read_bytes()
    kept.path.write_bytes(damage(whole))
    with capture_logs() as logs:
        assert files(folder).find(NAME, DIGEST) is None
    assert [entry["event"] for entry in logs] == ["a file of keys can't be used; it is made anew"]
    assert files(folder).keep(NAME, DIGEST, wire) is not None
    assert kept.path.read_bytes() == whole


def test_a_file_under_anothers_name_counts_as_none(folder: Path, wire: bytes) -> None:
    mine, other = files(folder).keep(NAME, DIGEST, wire), files(folder).keep(NAME, b"34" * 32, wire)
    assert mine is not None and other is not None
    other.path.write_bytes(mine.path.read_bytes())
    assert files(folder).find(NAME, b"34" * 32) is None


def test_those_used_longest_ago_are_removed_and_serve_whoever_maps_them(folder: Path, wire: bytes) -> None:
    some = files(folder, budget=2 * size_of_a_file(folder, wire))
    first, second = some.keep(NAME, b"1", wire), some.keep(NAME, b"2", wire)
    assert first is not None and second is not None
    first.use()
    before = second.keys.words(0).copy()
    assert files(folder, budget=2 * first.path.stat().st_size).keep(NAME, b"3", wire) is not None
    assert (first.removed, second.removed) == (False, True)
    second.use()  # which does nothing
    np.testing.assert_array_equal(second.keys.words(0), before)


def test_one_larger_than_the_budget_is_kept_alone(folder: Path, wire: bytes) -> None:
    some = files(folder, budget=1)
    first, second = some.keep(NAME, b"1", wire), some.keep(NAME, b"2", wire)
    assert first is not None and second is not None
    assert (first.removed, second.removed) == (True, False)


def test_two_that_write_the_same_at_once_both_have_it(folder: Path, wire: bytes) -> None:
    first, second = files(folder).keep(NAME, DIGEST, wire), files(folder).keep(NAME, DIGEST, wire)
    assert first is not None and second is not None
    assert (first.removed, second.removed) == (True, False)
    np.testing.assert_array_equal(first.keys.words(0), second.keys.words(0))


def test_what_a_killed_process_left_goes_after_a_while(folder: Path, wire: bytes) -> None:
    (folder / "old.partial").touch()
    (folder / "new.partial").touch()
    os.utime(folder / "old.partial", (0, 0))
    files(folder).keep(NAME, DIGEST, wire)
    assert {path.name for path in folder.glob("*.partial")} == {"new.partial"}


def test_where_nothing_can_be_written_there_is_no_file_which_is_said_once(tmp_path: Path, wire: bytes) -> None:
    with capture_logs() as logs:
        some = files(tmp_path / "gone")
        assert some.keep(NAME, DIGEST, wire) is None
        assert some.keep(NAME, DIGEST, wire) is None
    assert [entry["reason"] for entry in logs] == ["No such file or directory"]


def test_bytes_that_are_no_keys_leave_nothing_behind(folder: Path, wire: bytes) -> None:
    with pytest.raises(WireError, match="residue"):
        files(folder).keep(NAME, DIGEST, wire[:-1000] + b"\xff" * 1000)
    assert list(folder.iterdir()) == []
