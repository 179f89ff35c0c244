"""Files that others wrote, read within a bound in bytes: as they are, inflated, or as arrays."""

import errno
import math
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

#: Bytes that are read or inflated at once.
_PIECE = 1 << 20
#: Characters of a library's error message that our own message repeats.
_MOST_CHARACTERS = 200
#: Bytes that arrays may take, however small the file is that they are in.
_SMALL = 1 << 26
#: The bytes of larger arrays for each byte of their file, at most. Pictures and weights have some ten.
_MOST_RATIO = 200
#: The compressions of `numpy.savez` and `savez_compressed`. With LZMA a file says how much memory its reader takes.
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
#: Readers of an array's header, by the version of NumPy's format.
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_file(path: Path, most: int) -> bytes:
    """A file's bytes. Raises `OSError` when it can't be read, or has more than `most` bytes."""
    pieces: list[bytes] = []
    left = most + 1
    with path.open("rb") as file:
        while left and (piece := file.read(min(left, _PIECE))):
            pieces.append(piece)
            left -= len(piece)
    if not left:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes", str(path))
    return b"".join(pieces)


def inflate(data: bytes, most: int) -> bytearray:
    """The content of bytes that zlib compressed.

    Raises `ValueError` for bytes that zlib refuses, that are cut off or followed by others, or whose content has
    more than `most` bytes.

    The content is inflated piece by piece, since zlib's own bound (`max_length`) would take twice the memory.
    """
    inflater, content, piece = zlib.decompressobj(), bytearray(), b""
    try:
        for start in range(0, len(data), _PIECE):
            piece = data[start : start + _PIECE]
            while piece and not inflater.eof:
                content += inflater.decompress(piece, _PIECE)
                if len(content) > most:
                    raise ValueError(f"it inflates to more than {most:,} bytes")
                piece = inflater.unconsumed_tail
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if not inflater.eof or piece or inflater.unused_data:
        raise ValueError("the compressed bytes are cut off, or others follow them")
    return content


def read_arrays(path: Path, most: int, names: Iterable[str] | None = None) -> dict[str, NDArray[Any]]:
    """The arrays of an npz file, each read-only: all of them, or only those of `names`.

    Raises `OSError` when the file can't be read, `KeyError` when it lacks one of `names`, and `ValueError` when
    it is damaged, holds something else than numbers, or its arrays take more than `most` bytes together, or far more
    than numbers that mean something are ever compressed. It is then refused before anything is inflated.
    """
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                infos = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
                chosen = {name: infos[name] for name in (infos if names is None else names)}
                if (size := sum(info.file_size for info in chosen.values())) > most:
                    raise ValueError(f"its arrays take {size:,} bytes; at most {most:,} are read")
                if size > max(_SMALL, _MOST_RATIO * path.stat().st_size):
                    raise ValueError(f"its arrays take {size:,} bytes, over {_MOST_RATIO} times the file's")
                return {name: _read_array(archive, info) for name, info in chosen.items()}
        except (KeyError, OSError):
            raise
        except Exception as error:  # on damaged files zipfile and NumPy raise whatever they stumble over
            raise ValueError(str(error)[:_MOST_CHARACTERS] or type(error).__name__) from error


def _read_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    if info.compress_type not in _COMPRESSIONS:
        raise ValueError(f"{info.filename} is packed in another way than NumPy does")
    with archive.open(info) as member:
        shape, by_columns, dtype = _read_header(member)
        if dtype.kind not in "biuf":
            raise ValueError(f"{info.filename} holds {dtype}, and only numbers are read")
        left = info.file_size - member.tell()
        if any(size < 0 for size in shape) or math.prod(shape) * dtype.itemsize != left:
            raise ValueError(f"{info.filename} claims the shape {shape} and has {left:,} bytes")
        data = member.read()
    return np.frombuffer(data, dtype).reshape(shape, order="F" if by_columns else "C")


def _read_header(member: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(member)
    if version not in _HEADERS:
        raise ValueError(f"arrays of version {version} aren't read")
    header: tuple[tuple[int, ...], bool, np.dtype[Any]] = _HEADERS[version](member)
    return header
