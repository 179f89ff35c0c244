"""Where a site's files are, and how they are written: whole or not at all, and readable by their owner alone."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from common.wire.topics import RESERVED_USERS


@dataclass(frozen=True)
class Site:
    """Where a site's files and folders are."""

    folder: Path

    @property
    def settings_file(self) -> Path:
        """What `blindsight provision` was told, and goes by at its next run."""
        return self.folder / "site.toml"

    @property
    def mosquitto(self) -> Path:
        """The folder to start Mosquitto in."""
        return self.folder / "mosquitto"

    @property
    def own_rules(self) -> Path:
        """The folder of the operator's own access rules; nothing here writes into it."""
        return self.mosquitto / "acl.d"

    @property
    def redis(self) -> Path:
        """The folder to start Redis in."""
        return self.folder / "redis"

    @property
    def devices(self) -> Path:
        """The pool of identities."""
        return self.folder / "devices"

    @property
    def readers(self) -> Path:
        """The passwords of integrations, which only read."""
        return self.folder / "readers"

    def password_file(self, user: str) -> Path:
        """The MQTT password of a device, or of "bridge", "worker" or "console"."""
        parent = self.folder if user in RESERVED_USERS else self.devices
        return parent / user / "password"

    def reader_password_file(self, reader: str) -> Path:
        """The MQTT password of a reader."""
        return self.readers / reader / "password"

    def redis_password_file(self, user: str) -> Path:
        """Redis's password, in the folder of "bridge" or "worker"."""
        return self.folder / user / "redis-password"


def make_folder(path: Path) -> None:
    """Make a folder, and those above it that are missing, which their owner alone can enter. Raises `OSError`."""
    if not path.exists():
        make_folder(path.parent)  # mkdir's own `parents` would give them other modes
        path.mkdir(mode=0o700)


def write(path: Path, text: str) -> bool:
    """Write a file, whole or not at all; False when it had these contents already. Raises `OSError`."""
    if path.is_file() and path.read_text() == text:
        return False
    make_folder(path.parent)
    descriptor, temporary = tempfile.mkstemp(prefix=".new-", dir=path.parent)  # with mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return True
