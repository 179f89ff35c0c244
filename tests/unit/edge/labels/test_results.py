"""Results are whole lines, each once, whatever happens to the file in the meantime."""

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from common.errors import ConfigurationError
from edge.labels.results import Result, ResultFile, read_results


def result(counter: int) -> Result:
    return Result("cam", f"{counter:08d}-{0:016x}", counter, f"{counter}.png", "7", 0.0, 100.0, {}, 1, 1, 1)


def line(counter: int) -> bytes:
    return msgspec.json.encode(result(counter))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "results.jsonl"


@pytest.fixture
def file(path: Path) -> Iterator[ResultFile]:
    opened = ResultFile(path)
    yield opened
    opened.close()


def counters(path: Path) -> list[int]:
    return [each.counter for each in read_results(path)]


def test_lines_come_back_as_they_were_written(file: ResultFile, path: Path) -> None:
    for counter in range(3):
        file.append([line(counter)])
    assert list(read_results(path)) == [result(counter) for counter in range(3)]


def test_lines_that_are_at_the_end_already_are_not_written_again(file: ResultFile, path: Path) -> None:
    file.append([line(0), line(1)])
    with path.open("ab") as other:
        other.write(b"a line of somebody else's\n")
    file.append([line(0), line(1), line(2)])
    assert counters(path) == [0, 1, 2]
    assert file.present([line(1), line(3)]) == {line(1)}


@pytest.mark.parametrize("left", [1, 5, len(line(1)) + 1])
def test_what_a_crash_left_of_a_line_is_completed(left: int, file: ResultFile, path: Path) -> None:
    file.append([line(0), line(1), line(2)])
    whole = path.read_bytes()
    path.write_bytes(whole[:-left])
    file.append([line(0), line(1), line(2)])
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    "foreign", [b"a shopping list", b"\0" * 100, b"[" * 100_000, b'{"device":"cam","jug', b"\xff\n\xfe", b"x" * 300_000]
)
def test_foreign_lines_stay_and_are_left_out(foreign: bytes, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(foreign)
    file = ResultFile(path)
    file.append([line(0)])
    file.append([line(0), line(1)])
    file.close()
    assert path.read_bytes() == b"%s\n%s\n%s\n" % (foreign, line(0), line(1))
    assert counters(path) == [0, 1]


@pytest.mark.parametrize("create", [False, True], ids=["moved", "moved and made anew"])
def test_after_a_rotation_the_next_line_goes_to_the_new_file(create: bool, file: ResultFile, path: Path) -> None:
    file.append([line(0)])
    path.rename(path.with_suffix(".1"))
    if create:
        path.touch()
    file.append([line(1)])
    assert (counters(path.with_suffix(".1")), counters(path)) == ([0], [1])


def test_an_emptied_or_deleted_file_goes_on(file: ResultFile, path: Path) -> None:
    file.append([line(0)])
    os.truncate(path, 0)
    file.append([line(1)])
    assert path.read_bytes() == line(1) + b"\n"
    path.unlink()
    path.parent.rmdir()
    file.append([line(2)])
    assert counters(path) == [2]


@contextmanager
def full_after(size: int) -> Iterator[None]:
    """A disk on which files get no larger than so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_is_full_in_the_middle_of_a_line_leaves_no_part_of_it(file: ResultFile, path: Path) -> None:
    file.append([line(0)])
    with full_after(2 * len(line(0))), pytest.raises(OSError, match="File too large"):
        file.append([line(1)])
    assert path.read_bytes() == line(0) + b"\n"
    file.append([line(1)])
    assert counters(path) == [0, 1]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_full_or_read_only_disk_at_the_start_is_no_wrong_setting(
    number: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refuse)
        file = ResultFile(path)
        with pytest.raises(OSError, match=os.strerror(number)):
            file.append([line(0)])
    file.append([line(0)])
    file.close()
    assert counters(path) == [0]


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "pipe")
    for wrong, reason in (
        ("file/results.jsonl", "Not a directory|File exists"),
        ("pipe", "no regular file"),
        (".", "directory"),
    ):
        with pytest.raises(ConfigurationError, match=f"results is .*{reason}"):
            ResultFile(tmp_path / wrong)
