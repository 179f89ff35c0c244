"""Results are whole lines in order, and a crash in the middle of one costs nothing."""

from pathlib import Path

import pytest

from common.errors import ConfigurationError
from edge.results import Result, ResultFile, read_results


def result(counter: int) -> Result:
    return Result("cam", f"{counter:08d}-{0:016x}", counter, f"{counter}.png", "7", 0.0, 100.0, {}, 1, 1, 1)


def test_lines_come_back_as_they_were_written(tmp_path: Path) -> None:
    file = ResultFile(tmp_path / "results.jsonl")
    for counter in range(3):
        file.write(result(counter))
    file.close()
    assert list(read_results(tmp_path / "results.jsonl")) == [result(counter) for counter in range(3)]


def test_a_line_cut_by_a_crash_is_removed_and_written_again(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    file = ResultFile(path)
    file.write(result(0))
    file.write(result(1))
    file.close()
    path.write_bytes(path.read_bytes()[:-5])
    again = ResultFile(path)
    assert [each.counter for each in again.written()] == [0]
    again.write(result(1))
    again.close()
    assert [each.counter for each in read_results(path)] == [0, 1]


def test_in_a_new_file_nothing_is_written(tmp_path: Path) -> None:
    assert list(ResultFile(tmp_path / "new" / "results.jsonl").written()) == []


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="results is"):
        ResultFile(tmp_path / "file" / "results.jsonl")
