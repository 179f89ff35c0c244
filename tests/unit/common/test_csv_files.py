"""CSV files that others wrote are read within bounds."""

from pathlib import Path

import pytest

from common.csv_files import read_csv


def read(folder: Path, content: bytes) -> list[tuple[int, list[str]]]:
    (folder / "a.csv").write_bytes(content)
    return list(read_csv(folder / "a.csv"))


def test_rows_come_with_the_numbers_of_their_lines(tmp_path: Path) -> None:
    assert read(tmp_path, b'\xef\xbb\xbffile,label\r\n\r\n"b, c.png",7\r\n') == [
        (1, ["file", "label"]),
        (3, ["b, c.png", "7"]),
    ]
    assert read(tmp_path, b"") == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"file,label" + b"," * 1_000_000 + b"\n" + b"a.png,7\n" * 100_000, "line 1 has 1,000,002 columns; at most 50"),
        (b"file,label\na.png,7" + b"," * 100 + b"\n", "line 2 has 102 columns"),
        (b"a\n" * 1_000_001, "it has more than 1,000,000 lines"),
        (b"file,label\n" + b"x" * 200_000, "line 2: field larger than field limit"),
        (b"file,label\n\xff", "utf-8"),
    ],
    ids=["wide", "wide row", "long", "a long field", "no text"],
)
def test_what_is_beyond_the_bounds_or_no_text_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read(tmp_path, content)


def test_a_file_beyond_the_bound_in_bytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "a.csv").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(OSError, match="more than"):
        list(read_csv(tmp_path / "a.csv"))
