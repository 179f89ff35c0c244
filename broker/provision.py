"""A site's folder: credentials, and the configuration that Mosquitto and Redis start with.

    mosquitto/           mosquitto.conf, acl.conf, listeners/, devices.passwd, services.passwd, tls/, data/
    redis/               redis.conf, address.conf, data/
    bridge/, worker/     password, redis-password
    console/             password
    devices/<id>/        password

The console is a client of the fleet as devices are, and not a part of it: it connects where they do.
There the broker binds client ids to user names, so that nobody else can take over its session.

Each service needs its own subfolder and no other. Files have mode 0600, folders 0700. Doing it
again with more devices adds them and keeps all passwords.
"""

import base64
import hashlib
import os
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template

from common.errors import ConfigurationError
from common.topics import BRIDGE_USER, CONSOLE_USER, RESERVED_USERS, WORKER_USER, check_device

_PASSWORD_BYTES = 24
_SALT_BYTES = 12
_ITERATIONS = 20_000  # passwords are random, so guessing is hopeless at any number
_CONFIG = resources.files("broker") / "config"


@dataclass(frozen=True)
class Address:
    """Where the servers of a site listen."""

    host: str = "0.0.0.0"
    device_port: int = 1883
    service_port: int = 1884
    redis_port: int = 6379


@dataclass(frozen=True)
class TlsFiles:
    """PEM files for Mosquitto; with `require_certificate` clients need one that `ca` signed."""

    ca: Path
    certificate: Path
    key: Path
    require_certificate: bool = False


@dataclass(frozen=True)
class Site:
    """Where everything of a site is."""

    folder: Path

    @property
    def mosquitto(self) -> Path:
        """The folder to start Mosquitto in."""
        return self.folder / "mosquitto"

    @property
    def redis(self) -> Path:
        """The folder to start Redis in."""
        return self.folder / "redis"

    @property
    def devices(self) -> Path:
        """The pool of identities."""
        return self.folder / "devices"

    def password_file(self, user: str) -> Path:
        """The MQTT password of a device, or of "bridge", "worker" or "console"."""
        parent = self.folder if user in RESERVED_USERS else self.devices
        return parent / user / "password"

    def redis_password_file(self, user: str) -> Path:
        """Redis's password, in the folder of "bridge" or "worker"."""
        return self.folder / user / "redis-password"


def provision(
    folder: Path, devices: Sequence[str], address: Address | None = None, tls: TlsFiles | None = None
) -> Site:
    """Make a site's folder, or add to it.

    Raises `ConfigurationError` when it can't be written, for a bad device id, and when a site that
    has TLS would lose it because `tls` wasn't given again.
    """
    site = Site(folder)
    if tls is None and (site.mosquitto / "tls").exists():
        raise ConfigurationError(
            f"{folder} uses TLS: give its CA, certificate and key again, or remove {site.mosquitto / 'tls'} to end it"
        )
    users = [*RESERVED_USERS, *map(check_device, devices)]
    try:
        for user in users:
            _secret(site.password_file(user))
        redis_password = _secret(site.redis_password_file(BRIDGE_USER))
        _write(site.redis_password_file(WORKER_USER), redis_password)
        _write_mosquitto(site, address or Address(), tls)
        _write_redis(site, address or Address(), redis_password)
    except OSError as error:
        raise ConfigurationError(f"can't write credentials to {folder}: {error}") from error
    return site


def _write_mosquitto(site: Site, address: Address, tls: TlsFiles | None) -> None:
    for name in ("mosquitto.conf", "acl.conf"):
        _write(site.mosquitto / name, (_CONFIG / name).read_text())
    known = [site.folder / CONSOLE_USER, *(path.parent for path in sorted(site.devices.glob("*/password")))]
    services = [site.folder / BRIDGE_USER, site.folder / WORKER_USER]
    for name, users in (("devices.passwd", known), ("services.passwd", services)):
        lines = [f"{user.name}:{_hash((user / 'password').read_text())}\n" for user in users]
        _write(site.mosquitto / name, "".join(lines))
    lines_for_tls = ""
    if tls is not None:
        for name, source in (("ca.crt", tls.ca), ("server.crt", tls.certificate), ("server.key", tls.key)):
            _write(site.mosquitto / "tls" / name, source.read_text())
        lines_for_tls = _fill("tls.conf", require_certificate=str(tls.require_certificate).lower())
    listeners = _fill(
        "listeners.conf",
        host=address.host,
        device_port=address.device_port,
        service_port=address.service_port,
        tls=lines_for_tls,
    )
    if os.geteuid() == 0:
        listeners += _fill("user.conf")
    _write(site.mosquitto / "listeners" / "listeners.conf", listeners)
    _folder(site.mosquitto / "data")


def _write_redis(site: Site, address: Address, password: str) -> None:
    _write(site.redis / "redis.conf", (_CONFIG / "redis.conf").read_text())
    settings = _fill("address.conf", host=address.host, redis_port=address.redis_port, redis_password=password)
    _write(site.redis / "address.conf", settings)
    _folder(site.redis / "data")


def _fill(template: str, **values: object) -> str:
    return Template((_CONFIG / "templates" / template).read_text()).substitute(values)


def _secret(path: Path) -> str:
    """The password in a file, made when there is none."""
    if not path.exists():
        _write(path, secrets.token_urlsafe(_PASSWORD_BYTES))
    return path.read_text()


def _hash(password: str) -> str:
    """A password as Mosquitto's password file holds it: PBKDF2 with SHA-512."""
    salt = os.urandom(_SALT_BYTES)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    encoded = [base64.b64encode(part).decode() for part in (salt, digest)]
    return f"$7${_ITERATIONS}${encoded[0]}${encoded[1]}"


def _folder(path: Path) -> None:
    if not path.exists():
        _folder(path.parent)  # mkdir's own `parents` would give them other modes
        path.mkdir(mode=0o700)


def _write(path: Path, text: str) -> None:
    _folder(path.parent)
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    shutil.move(temporary, path)
