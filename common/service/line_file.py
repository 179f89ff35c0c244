"""Files of lines that programs read: each line is appended once, although whoever appends it may die at any time."""

import contextlib
import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from common.errors import ConfigurationError
from common.writable import try_file

#: The errors that may pass, since they are the disk's and not the setting's.
_PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ENFILE, errno.EMFILE)
#: Bytes at the end of the file that others may have added, so that our last lines are still found before them.
_OTHERS = 65_536
_IRREGULAR = "it is no regular file"


class LineFile:
    """Appends whole lines to a file, each once, and deletes nothing but what a crash left of a line of its own.

    The file may be renamed, emptied or deleted at any time: the next line goes to the one that then
    has its path. A full or read-only disk is an `OSError` of `append`, also where it is so from the start.

    `setting` names the file in errors; `header` is the first line of an empty file. Raises `ConfigurationError` for a
    file that can't be written.
    """

    batch = 256

    def __init__(self, path: Path, setting: str, header: bytes = b"") -> None:
        self.path, self._header = path, header
        self._file: int | None = None
        try:
            self._open()
        except OSError as error:
            if error.errno not in _PASSING:
                raise ConfigurationError(f"{setting} is {path}, which can't be written: {error.strerror}") from error

    def __str__(self) -> str:
        return str(self.path)

    def append(self, lines: Sequence[bytes]) -> None:
        """Append those lines that aren't at the file's end yet; when this returns, they are on disk. Raises `OSError`.

        After an `OSError`, or a crash, the same lines have to be appended first.
        """
        file = self._current()
        last, rest, size = self._end(file, lines)
        data = b"".join(line + b"\n" for line in lines if line not in last)
        if rest and any(line.startswith(rest) for line in (*lines, self._header)):
            size -= len(rest)
            os.ftruncate(file, size)
        elif rest:  # somebody else's: it stays, as a line
            data = b"\n" + data
        if not size and self._header:
            data = self._header + b"\n" + data
        try:
            while data:
                data = data[os.write(file, data) :]
        except OSError:
            with contextlib.suppress(OSError):  # else the next time
                os.ftruncate(file, size)
            raise
        os.fsync(file)

    def present(self, lines: Sequence[bytes]) -> set[bytes]:
        """The lines that are at the file's end. Raises `OSError`."""
        return self._end(self._current(), lines)[0] & set(lines)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _end(self, file: int, lines: Sequence[bytes]) -> tuple[set[bytes], bytes, int]:
        """The last lines of the file, among which all of `lines` are that it has; what follows them; and its size."""
        size = os.fstat(file).st_size
        length = sum(len(line) + 1 for line in lines) + _OTHERS
        whole, _, rest = os.pread(file, length, max(size - length, 0)).rpartition(b"\n")
        return set(whole.split(b"\n")), rest, size

    def _current(self) -> int:
        """The open file, if its path is still that file's; else the one that is there now, or a new one."""
        if self._file is not None:
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(self.path.stat(), os.fstat(self._file)):
                    return self._file
            self.close()
        return self._open()

    def _open(self) -> int:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise OSError(errno.EINVAL, _IRREGULAR)
        self._file = file
        return file


def check_line_file(path: Path, setting: str) -> None:
    """Raise `ConfigurationError` for a file that `LineFile` would refuse; makes nothing."""
    try:
        if path.exists() and not path.is_file():
            raise OSError(errno.EINVAL, _IRREGULAR)
        try_file(path, makes_folders=True)
    except OSError as error:
        if error.errno not in _PASSING:
            raise ConfigurationError(f"{setting} is {path}, which can't be written: {error.strerror}") from error
