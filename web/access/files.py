"""Files that only their user may read, changed by one process at a time, as a whole or not at all."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.errors import ConfigurationError

#: The name of the file whose lock says that something in the folder is being changed.
_LOCK = "web.lock"
#: The mode of files, and of their folder.
FILE_MODE, _FOLDER_MODE = 0o600, 0o700


def make_folder(folder: Path) -> None:
    """Make the folder for what only its user may read. Raises `ConfigurationError` where that can't be."""
    try:
        folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"the folder {folder} can't be made: {error.strerror}") from error


@contextmanager
def changing(folder: Path) -> Iterator[None]:
    """Be the only one, of all threads and processes, that changes files in the folder. Raises `OSError`."""
    file = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def replace_file(path: Path, data: bytes) -> None:
    """Write a file as a whole: whoever reads it sees it before or after, also after a crash. Raises `OSError`."""
    new = path.with_name(f"{path.name}.new")
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
    try:
        os.fchmod(file, FILE_MODE)  # one that a crash left may have another mode
        while data:
            data = data[os.write(file, data) :]
        os.fsync(file)
    finally:
        os.close(file)
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
