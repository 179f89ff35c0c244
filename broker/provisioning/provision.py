"""A site's folder: credentials, and the configuration that Mosquitto and Redis start with.

    site.toml            what a run was told, for later ones
    mosquitto/           mosquitto.conf, acl.conf, listeners/, devices.passwd, services.passwd, tls/, data/
    mosquitto/acl.d/     the operator's own access rules, which become part of acl.conf
    redis/               redis.conf, address.conf, data/; own.conf has the operator's own settings
    bridge/, worker/     password, redis-password
    console/             password
    devices/<id>/        password
    readers/<name>/      password

The console is a client of the fleet as devices are, and not a part of the fleet: it connects where devices do. On that
port the broker binds client ids to user names, so that nobody else can take over the console's session.

Each service needs its own subfolder and no other. Files have mode 0600, folders 0700. Another run changes what it is
asked for and nothing else: passwords, users and rules that others added stay.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from string import Template

import msgspec

from broker.provisioning import acl
from broker.provisioning.changes import Changes, listed
from broker.provisioning.credentials import Credentials
from broker.provisioning.passwords import new_password
from broker.provisioning.site import Site, make_folder, write
from broker.provisioning.site_settings import Address, SiteSettings, load_site_settings
from common.errors import ConfigurationError
from common.wire.topics import BRIDGE_USER, RESERVED_USERS, WORKER_USER, check_device

#: The folder of the servers' configuration, and of its templates.
_CONFIG = resources.files("broker") / "config"


@dataclass(frozen=True)
class TlsFiles:
    """PEM files for Mosquitto; with `require_certificate` clients need one that `ca` signed."""

    ca: Path
    certificate: Path
    key: Path
    require_certificate: bool = False


@dataclass(frozen=True)
class Wishes:
    """What a run is asked for besides devices and addresses.

    `revoke` may name devices and readers; `renew` may name services, too. A device or reader that is renewed is no
    longer revoked.
    """

    max_connections: int | None = None
    readers: Sequence[str] = ()
    revoke: Sequence[str] = ()
    renew: Sequence[str] = ()


@dataclass(frozen=True)
class ProvisionedSite(Site):
    """A site after a run: its settings, and sentences about what the run changed.

    `reload` says that a running Mosquitto needs SIGHUP to take the changes up; the servers of `restart` have to be
    started again.
    """

    settings: SiteSettings = field(default_factory=SiteSettings)
    changes: tuple[str, ...] = ()
    reload: bool = False
    restart: tuple[str, ...] = ()


def provision(
    folder: Path,
    devices: Sequence[str] = (),
    address: Address | None = None,
    tls: TlsFiles | None = None,
    wishes: Wishes | None = None,
) -> ProvisionedSite:
    """Make a site's folder, or change it. What a run isn't told is as an earlier run was told.

    Raises `ConfigurationError` when the folder can't be written, and for names, settings or access rules that can't be
    used.
    """
    site, wishes, changes = Site(folder), wishes or Wishes(), Changes()
    for name in (*devices, *wishes.readers):
        check_device(name)
    before = load_site_settings(site)
    users = _known_users(site, changes)
    users.check(wishes.revoke, wishes.renew, before.revoked)
    settings = _new_settings(before, address, tls, wishes)
    if settings.tls and tls is None and not (site.mosquitto / "tls" / "server.key").exists():
        raise ConfigurationError(
            f"{folder} uses TLS, and {site.mosquitto / 'tls'} has no certificate: give --tls-ca, --tls-cert and "
            f"--tls-key again, or set tls = false in {site.settings_file} to end it"
        )
    users.check_readers(devices, settings.readers)
    try:
        _keep_strays(site, settings, changes)
        rules = _rules(site, settings)
        _write_settings(site, before, settings, changes)  # first: should the rest fail, the next run makes up for it
        users.revoke(settings.revoked)
        users.ensure(devices, wishes.renew, settings)
        users.write()
        _write_rules(site, rules, changes)
        _write_mosquitto(site, settings, tls, changes)
        _write_redis(site, settings, changes)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"can't write credentials to {folder}: {error}") from error
    return ProvisionedSite(folder, settings, tuple(changes.notes), changes.reload, tuple(sorted(changes.restart)))


def _known_users(site: Site, changes: Changes) -> Credentials:
    try:
        return Credentials(site, changes)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"can't read the passwords in {site.mosquitto}: {error}") from error


def _new_settings(before: SiteSettings, address: Address | None, tls: TlsFiles | None, wishes: Wishes) -> SiteSettings:
    """The settings that a run leaves. Raises `ConfigurationError`."""
    values: dict[str, object] = dict(vars(address)) if address is not None else {}
    if wishes.max_connections is not None:
        values["max_connections"] = wishes.max_connections
    if tls is not None:
        values |= {"tls": True, "client_certs": tls.require_certificate}
    gone, back = set(wishes.revoke), {*wishes.renew, *wishes.readers}
    if gone & back:
        raise ConfigurationError(f"{listed(sorted(gone & back))}: to be revoked and renewed at once; give one of these")
    values["readers"] = tuple(dict.fromkeys((*before.readers, *wishes.readers)))
    values["revoked"] = tuple(sorted({*before.revoked, *gone} - back))
    return before.changed(**values)


def _write_settings(site: Site, before: SiteSettings, settings: SiteSettings, changes: Changes) -> None:
    if (site.mosquitto / "mosquitto.conf").exists():
        old, new = msgspec.structs.asdict(before), msgspec.structs.asdict(settings)
        moved = [name for name in old if old[name] != new[name] and not isinstance(old[name], tuple)]
        changes.notes += [f"{name}: {old[name]} → {new[name]}" for name in moved]
    write(site.settings_file, settings.text())


def _write_mosquitto(site: Site, settings: SiteSettings, tls: TlsFiles | None, changes: Changes) -> None:
    folder = site.mosquitto
    make_folder(site.own_rules)
    make_folder(folder / "data")
    if tls is not None:
        for name, source in (("ca.crt", tls.ca), ("server.crt", tls.certificate), ("server.key", tls.key)):
            if write(folder / "tls" / name, _read_pem(source)):
                changes.notes.append(f"mosquitto/tls/{name}: taken from {source}")
                changes.reload = True
    lines_for_tls = ""
    if settings.tls:
        lines_for_tls = _fill("tls.conf", require_certificate=str(settings.client_certs).lower())
    listeners = _fill(
        "listeners.conf",
        host=settings.host,
        device_port=settings.device_port,
        service_port=settings.service_port,
        max_connections=settings.max_connections,
        tls=lines_for_tls,
    )
    if os.geteuid() == 0:
        listeners += _fill("user.conf")
    _write_config(site, "Mosquitto", "mosquitto/mosquitto.conf", (_CONFIG / "mosquitto.conf").read_text(), changes)
    _write_config(site, "Mosquitto", "mosquitto/listeners/listeners.conf", listeners, changes)


def _keep_strays(site: Site, settings: SiteSettings, changes: Changes) -> None:
    """Move rules for users of the operator's own from acl.conf, which is written anew, to the operator's folder."""
    path, kept = site.mosquitto / "acl.conf", site.own_rules / "kept.conf"
    strays = acl.strays(path.read_text(), (*RESERVED_USERS, *settings.readers)) if path.exists() else []
    if strays:
        before = kept.read_text() if kept.exists() else ""
        write(kept, before + "".join(f"{line}\n" for line in strays))
        changes.notes.append(f"mosquitto/acl.d/kept.conf: got {len(strays)} lines that stood in acl.conf")


def _rules(site: Site, settings: SiteSettings) -> str:
    """The access rules. Raises `ConfigurationError` where the operator's own can't be used."""
    ours, reader = ((_CONFIG / name).read_text() for name in ("acl.conf", "templates/reader.conf"))
    return acl.compose(ours, reader, settings.present_readers, site.own_rules)


def _read_pem(path: Path) -> str:
    data = path.read_bytes()
    if b"-----BEGIN " not in data or not data.isascii():
        raise ConfigurationError(f"{path} is no PEM file, which --tls-ca, --tls-cert and --tls-key take")
    return data.decode()


def _write_rules(site: Site, text: str, changes: Changes) -> None:
    """Write the access rules, and note which rules are gone: those that somebody wrote into the file itself are."""
    path = site.mosquitto / "acl.conf"
    before = path.read_text() if path.exists() else None
    if write(path, text) and before is not None:
        changes.reload = True
        old, new = acl.rules(before), acl.rules(text)
        changes.notes += [f"access rule gone: {rule}" for rule in old if rule not in new]
        changes.notes += [f"access rule added: {rule}" for rule in new if rule not in old]


def _write_redis(site: Site, settings: SiteSettings, changes: Changes) -> None:
    """Write Redis's configuration, with the password that bridge and workers have."""
    path, own = site.redis / "address.conf", site.redis / "own.conf"
    earlier = re.search(r"^requirepass (\S+)$", path.read_text(), re.M) if path.exists() else None
    password = earlier[1] if earlier else new_password()
    for user in (BRIDGE_USER, WORKER_USER):
        write(site.redis_password_file(user), password)
    if not own.exists():
        write(own, (_CONFIG / "templates" / "own.conf").read_text())
    make_folder(site.redis / "data")
    address = _fill("address.conf", host=settings.host, redis_port=settings.redis_port, redis_password=password)
    _write_config(site, "Redis", "redis/redis.conf", (_CONFIG / "redis.conf").read_text(), changes)
    _write_config(site, "Redis", "redis/address.conf", address, changes)


def _write_config(site: Site, server: str, name: str, text: str, changes: Changes) -> None:
    path = site.folder / name
    made = not path.exists()
    if write(path, text) and not made:
        changes.notes.append(f"{name}: written anew")
        changes.restart.add(server)


def _fill(template: str, **values: object) -> str:
    return Template((_CONFIG / "templates" / template).read_text()).substitute(values)
