"""Bytes from elsewhere are read within bounds, or refused with what is wrong about them."""

import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from common.files import inflate, read_arrays, read_file


def test_a_file_that_is_larger_than_it_may_be_is_refused_even_if_it_never_ends(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"12345")
    assert read_file(tmp_path / "x", 5) == b"12345"
    for path in (tmp_path / "x", Path("/dev/zero")):
        with pytest.raises(OSError, match="it has more than 4 bytes"):
            read_file(path, 4)


def test_what_inflates_beyond_the_bound_or_is_not_whole_is_refused() -> None:
    packed = zlib.compress(b"12345")
    assert inflate(packed, 5) == b"12345"
    with pytest.raises(ValueError, match="more than 4 bytes"):
        inflate(packed, 4)
    for damaged in (b"", packed[:-1], packed + b"x", b"x" + packed):
        with pytest.raises(ValueError):
            inflate(damaged, 100)


@pytest.fixture
def arrays(tmp_path: Path) -> Path:
    np.savez(tmp_path / "x.npz", a=np.arange(6).reshape(2, 3), b=np.asfortranarray(np.eye(3)))
    return tmp_path / "x.npz"


def test_arrays_come_back_all_or_by_name(arrays: Path) -> None:
    found = read_arrays(arrays, 1000)
    assert np.array_equal(found["a"], [[0, 1, 2], [3, 4, 5]])
    assert np.array_equal(found["b"], np.eye(3))
    assert list(read_arrays(arrays, 1000, ["b"])) == ["b"]
    with pytest.raises(KeyError, match="c"):
        read_arrays(arrays, 1000, ["c"])


def test_a_zip_bomb_is_refused_before_it_is_inflated(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "x.npz", a=np.zeros(10_000_000, np.uint8))
    assert (tmp_path / "x.npz").stat().st_size < 20_000
    with pytest.raises(ValueError, match=r"its arrays take 10,000,128 bytes; at most 1,000,000 are read"):
        read_arrays(tmp_path / "x.npz", 1_000_000)


def test_a_zip_bomb_below_the_bound_is_refused_too(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "x.npz", a=np.zeros(70_000_000, np.uint8))
    with pytest.raises(ValueError, match="over 200 times the file's"):
        read_arrays(tmp_path / "x.npz", 1 << 32)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b"(2, 3)", b"(2, 9)", r"claims the shape \(2, 9\) and has 48 bytes"),
        (b"(2, 3), }             ", b"(4000000000000000,), }", "claims the shape"),
        (b"'<i8'", b"'|O8'", "holds object"),
        (b"'<i8'", b"'<M8'", "holds datetime64"),
        (b"(2, 3)", b"(-2,3)", "shape"),
        (b"'shape': (2", b"'shape': \n2", "multi-line|invalid|Cannot parse"),
        (b"NUMPY\x01", b"NUMPY\x03", "version"),
        (b"\x93NUMPY", b"\x80pickle", "magic string"),
    ],
)
def test_a_header_that_claims_something_else_is_refused(arrays: Path, old: bytes, new: bytes, says: str) -> None:
    with zipfile.ZipFile(arrays) as archive:
        content = archive.read("a.npy")
    assert old in content
    with zipfile.ZipFile(arrays, "w") as archive:
        archive.writestr("a.npy", content.replace(old, new))
    with pytest.raises(ValueError, match=says):
        read_arrays(arrays, 10**18)


def test_other_compressions_are_refused(arrays: Path) -> None:
    with zipfile.ZipFile(arrays) as archive:
        content = archive.read("a.npy")
    with zipfile.ZipFile(arrays, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.npy", content)
    with pytest.raises(ValueError, match="packed in another way"):
        read_arrays(arrays, 10**6)
