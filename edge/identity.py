"""Who a device is: given outright, or the first identity of a pool that no other process holds.

A pool is a folder with one folder per identity, named by the device id and holding `password`,
as `blindsight provision` makes it. A claim is a lock on a file, so it ends with the process and
scaled containers of one image each get their own identity.
"""

import fcntl
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from common.errors import ConfigurationError
from common.wire.topics import check_device
from edge.settings import DeviceSettings


@dataclass(frozen=True)
class Identity:
    """A device id and, for one of a pool, its password file and the lock that holds the claim."""

    device: str
    password_file: Path | None = None
    lock: IO[str] | None = None


def claim_identity(settings: DeviceSettings) -> Identity:
    """The identity of this process. Raises `ConfigurationError` when none is given or free."""
    if settings.device is not None:
        return Identity(check_device(settings.device))
    if settings.identities is None:
        raise ConfigurationError("who is this device? give --device ID, or --identities FOLDER to take a free one")
    folders = sorted(path.parent for path in settings.identities.glob("*/password"))
    if not folders:
        raise ConfigurationError(
            f"identities is {settings.identities}, which holds none; make some: blindsight provision"
        )
    locks = settings.state / "claims"
    locks.mkdir(parents=True, exist_ok=True)
    for folder in folders:
        lock = (locks / folder.name).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        return Identity(check_device(folder.name), folder / "password", lock)
    raise ConfigurationError(
        f"all {len(folders)} identities in {settings.identities} are taken; make more: blindsight provision"
    )
