"""A state folder belongs to one service at a time: whoever else would use it is refused."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from common.errors import ConfigurationError
from common.files import read_file
from common.quoting import shown

#: The name of the file in a state folder whose lock says that the folder is in use.
_FILE = "lock"
#: The name of the file in a state folder that names its owner, such as the device whose frames and keys are in it.
_OWNER = "owner"
#: Bytes of that file, at most.
_MOST_BYTES = 1024
#: The locked files of this process.
_held: set[IO[str]] = set()


@contextmanager
def only_user(state: Path, what: str, owner: str | None = None) -> Iterator[None]:
    """Hold a state folder for a service, named by `what`, as long as the block runs, or the process at most.

    With `owner` it belongs to that one from then on. Raises `ConfigurationError` where another service holds it, in
    this or in another process, or where it belongs to another owner. On a file system without locks nobody is refused
    for the former.
    """
    path = state / _FILE
    try:
        file = path.open("a")
    except OSError as error:
        raise ConfigurationError(f"state is {state}, and {path} can't be written: {error.strerror}") from error
    try:
        _lock(file, state, what)
        _held.add(file)
        if owner is not None:
            check_owner(state, owner)
            (state / _OWNER).write_text(f"{owner}\n")
        yield
    finally:
        _held.discard(file)
        file.close()


def check_owner(state: Path, owner: str) -> None:
    """Raise `ConfigurationError` where a state folder belongs to another owner; one that names none is anybody's."""
    try:
        known = read_file(state / _OWNER, _MOST_BYTES).decode(errors="replace").strip()
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigurationError(f"state is {state}, and {state / _OWNER} can't be read: {error.strerror}") from error
    if known != owner:
        raise ConfigurationError(
            f"state is {state}, which holds the frames and keys of {shown(known)}, and this is {owner}; give each a "
            f"state of its own, or remove {state / _OWNER} if the device has a new name"
        )


def _lock(file: IO[str], state: Path, what: str) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigurationError(
            f"state is {state}, which another {what} uses now; stop that one, or give each a state of its own"
        ) from None
    except OSError:  # the file system has no locks
        pass


def _let_go() -> None:
    """In a process that was forked: the folders are its parent's alone, which it may outlive."""
    for file in _held:
        file.close()
    _held.clear()


os.register_at_fork(after_in_child=_let_go)
