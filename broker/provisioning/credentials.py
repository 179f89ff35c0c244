"""Who may connect to a site's broker.

Passwords are made, renewed and revoked for the users that a run names; those of other users stay.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from broker.provisioning.changes import Changes, listed
from broker.provisioning.passwords import PasswordFile, new_password
from broker.provisioning.site import Site, write
from broker.provisioning.site_settings import SiteSettings
from common.errors import ConfigurationError
from common.wire.topics import BRIDGE_USER, CONSOLE_USER, RESERVED_USERS, WORKER_USER


class Credentials:
    """The users of a site. Changes reach the files with `write`. Its methods raise `OSError`."""

    def __init__(self, site: Site, changes: Changes) -> None:
        self._site, self._changes = site, changes
        self._known = self._read("devices.passwd")
        self._services = self._read("services.passwd")

    def check(self, revoke: Sequence[str], renew: Sequence[str], revoked: Sequence[str]) -> None:
        """Raise `ConfigurationError` for a user to be revoked or renewed whom nobody knows, now or as `revoked`."""
        known = {*self._known.users(), *self._pool()}
        for names, users in ((revoke, known.difference(RESERVED_USERS)), (renew, {*known, *RESERVED_USERS, *revoked})):
            for name in names:
                if name not in users:
                    raise ConfigurationError(
                        f"{self._site.folder} knows no {name!r}; it knows {listed(sorted(users)) or 'nobody'}"
                    )

    def revoke(self, names: Sequence[str]) -> None:
        """Forget devices, readers or users that others added."""
        self._changes.note("revoked", [name for name in names if name in self._known])
        for name in names:
            self._known.remove(name)
            for path in (self._site.password_file(name), self._site.reader_password_file(name)):
                path.unlink(missing_ok=True)
                if path.parent.is_dir() and not list(path.parent.iterdir()):
                    path.parent.rmdir()

    def check_readers(self, devices: Sequence[str], readers: Sequence[str]) -> None:
        """Raise `ConfigurationError` for a name that both a device and a reader would have."""
        both = sorted({*devices, *self._pool()} & set(readers))
        if both:
            raise ConfigurationError(f"{listed(both)}: a device and a reader can't have one name; give another")

    def ensure(self, devices: Sequence[str], renew: Sequence[str], settings: SiteSettings) -> None:
        """Make a password for each service, reader and device that has none, and a new one for each of `renew`."""
        renewed = [name for name in renew if name not in RESERVED_USERS and name not in settings.readers]
        pool = [name for name in (*devices, *self._pool(), *renewed) if name not in settings.revoked]
        paths = {name: self._site.password_file(name) for name in (CONSOLE_USER, *pool)}
        paths |= {name: self._site.reader_password_file(name) for name in settings.present_readers}
        self._ensure(self._known, paths, renew)
        services = (BRIDGE_USER, WORKER_USER)
        self._ensure(self._services, {name: self._site.password_file(name) for name in services}, renew)

    def write(self) -> None:
        """Write the files of hashes."""
        for name, file in (("devices.passwd", self._known), ("services.passwd", self._services)):
            path = self._site.mosquitto / name
            known = path.exists()
            self._changes.reload |= write(path, file.text()) and known

    def _read(self, name: str) -> PasswordFile:
        path = self._site.mosquitto / name
        return PasswordFile(path.read_text() if path.exists() else "")

    def _pool(self) -> list[str]:
        """The devices that have a password in the pool of identities."""
        return sorted(path.parent.name for path in self._site.devices.glob("*/password"))

    def _ensure(self, file: PasswordFile, paths: Mapping[str, Path], renew: Sequence[str]) -> None:
        """As `ensure`. A user in the file whose password isn't in the folder has it elsewhere, and keeps it."""
        added, renewed, lightened = list[str](), list[str](), list[str]()
        for user, path in paths.items():
            if user in renew or (user not in file and not path.exists()):
                write(path, new_password())
            if user in renew or user not in file:
                (renewed if user in renew else added).append(user)
                file.set(user, path.read_text())
            elif path.exists() and file.lighten(user, path.read_text()):
                lightened.append(user)
        self._changes.note("added", added)
        self._changes.note("new password", renewed)
        self._changes.note("lighter hash of the same password", lightened)
