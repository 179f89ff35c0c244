"""Whether files can be written somewhere, found out before long work and without making anything."""

import errno
import os
from pathlib import Path

from common.errors import ConfigurationError

#: How the name of a picture that we write may end, and so of which format it is.
_PICTURES = (".png", ".jpg", ".jpeg")


def check_picture(path: Path, name: str) -> None:
    """Raise `ConfigurationError` where a picture can't be written, which the setting `name` names.

    Its format is that of its name's ending, and an ending that is another file's is refused: it may be another's by
    mistake.
    """
    if path.suffix.lower() not in _PICTURES:
        raise ConfigurationError(
            f"{name} is {path}, which is to be a picture; give a name that ends with {', '.join(_PICTURES[:-1])} or "
            f"{_PICTURES[-1]}"
        )
    check_file(path, name)


def check_file(path: Path, name: str, *, makes_folders: bool = False) -> None:
    """Raise `ConfigurationError` where a file can't be written, which the setting `name` names.

    `makes_folders` says that whoever writes the file makes the folders above it.
    """
    try:
        try_file(path, makes_folders=makes_folders)
    except OSError as error:
        raise ConfigurationError(f"{name} is {path}, which can't be written: {error.strerror}") from error


def try_file(path: Path, *, makes_folders: bool = False) -> None:
    """The same, raising the `OSError` that writing the file would."""
    if path.is_dir():
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    if path.exists():
        _check_access(path, os.W_OK)
    else:
        _check_folder(path.parent, makes_folders)


def check_folder(path: Path, name: str) -> None:
    """Raise `ConfigurationError` where files can't be written into a folder, or where it can't be made."""
    try:
        _check_folder(path, makes_folders=True)
    except OSError as error:
        raise ConfigurationError(
            f"{name} is {path}, which is no folder that can be written to: {error.strerror}"
        ) from error


def check_new_folder(path: Path, name: str) -> None:
    """Raise `ConfigurationError` where a folder can't be made, or holds something already."""
    try:
        _check_folder(path.parent, makes_folders=True)
        free = not path.exists() or not any(path.iterdir())
    except OSError as error:
        raise ConfigurationError(f"{name} is {path}, which can't be made: {error.strerror}") from error
    if not free:
        raise ConfigurationError(f"{name} is {path}, which isn't empty; choose another folder, or move that one away")


def _check_folder(path: Path, makes_folders: bool) -> None:
    """Raise `OSError` unless the folder, or the nearest one above it that is there, can be written to."""
    absolute = path.absolute()
    above = (absolute, *absolute.parents) if makes_folders else (absolute,)
    there = next((folder for folder in above if folder.exists()), None)
    if there is None:
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
    if not there.is_dir():
        raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    _check_access(there, os.W_OK | os.X_OK)


def _check_access(path: Path, mode: int) -> None:
    if os.access(path, mode):
        return
    reason = errno.EROFS if os.statvfs(path).f_flag & os.ST_RDONLY else errno.EACCES
    raise OSError(reason, os.strerror(reason))
