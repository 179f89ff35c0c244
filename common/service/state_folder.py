"""A state folder belongs to one service at a time: whoever else would use it is refused."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from common.errors import ConfigurationError

#: The name of the file in a state folder whose lock says that the folder is in use.
_FILE = "lock"
#: The locked files of this process.
_held: set[IO[str]] = set()


@contextmanager
def only_user(state: Path, what: str) -> Iterator[None]:
    """Hold a state folder for a service, named by `what`, as long as the block runs, or the process at most.

    Raises `ConfigurationError` where another service holds it, in this or in another process. On a file system without
    locks nobody is refused.
    """
    path = state / _FILE
    try:
        file = path.open("a")
    except OSError as error:
        raise ConfigurationError(f"state is {state}, and {path} can't be written: {error.strerror}") from error
    try:
        _lock(file, state, what)
        _held.add(file)
        yield
    finally:
        _held.discard(file)
        file.close()


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
