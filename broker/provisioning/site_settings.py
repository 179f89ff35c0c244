"""A site's settings in its `site.toml`: what one run of `blindsight provision` is told holds for later runs, too."""

import difflib
import json
import re
import tomllib
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from broker.provisioning.site import Site
from common.errors import ConfigurationError
from common.wire.topics import check_device

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
#: A host's name or address. It goes into the servers' configuration, so it may hold nothing that ends a word there.
Host = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9.:_-]+$")]

#: The comments that `site.toml` begins with.
_HEAD = """\
# What `blindsight provision` was told about this site. It goes by this at each run; its flags win, and are
# remembered here. After a change by hand run it again.
#
# readers: users that only read. Never take one out here, or its password lets it do what a device may: use --revoke.
# revoked: who is shut out until --renew.
# tls: false ends TLS; the certificates are in mosquitto/tls/.

"""


@dataclass(frozen=True)
class Address:
    """Where the servers of a site listen."""

    host: str = "0.0.0.0"
    device_port: int = 1883
    service_port: int = 1884
    redis_port: int = 6379


class SiteSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `site.toml` remembers of a site."""

    host: Host = "0.0.0.0"
    device_port: Port = 1883
    service_port: Port = 1884
    redis_port: Port = 6379
    max_connections: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1000
    tls: bool = False
    client_certs: bool = False
    readers: tuple[str, ...] = ()
    revoked: tuple[str, ...] = ()

    @property
    def address(self) -> Address:
        """Where the servers listen."""
        return Address(self.host, self.device_port, self.service_port, self.redis_port)

    @property
    def present_readers(self) -> tuple[str, ...]:
        """Readers that aren't revoked."""
        return tuple(name for name in self.readers if name not in self.revoked)

    def changed(self, **values: object) -> "SiteSettings":
        """These settings with other values. Raises `ConfigurationError` naming one that can't be used."""
        return _checked({**msgspec.structs.asdict(self), **values}, "settings of the site")

    def text(self) -> str:
        """The file's contents. JSON's values are valid in TOML, too."""
        lines = (f"{name} = {json.dumps(value)}\n" for name, value in msgspec.structs.asdict(self).items())
        return _HEAD + "".join(lines)


def load_site_settings(site: Site) -> SiteSettings:
    """The settings of a site, from its `site.toml`.

    Without that file they come from the servers' configuration, where earlier versions wrote them, or are the defaults.
    Raises `ConfigurationError` naming what can't be used.
    """
    path = site.settings_file
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return _checked(_of_earlier_version(site), str(site.mosquitto))
    except NotADirectoryError:
        return SiteSettings()  # to write there will fail, and say so
    except OSError as error:
        raise ConfigurationError(f"the site's settings in {path} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError(f"the site's settings in {path} can't be read: {error}; mend or delete it") from error
    for name in values:
        if name not in SiteSettings.__struct_fields__:
            near = difflib.get_close_matches(name, SiteSettings.__struct_fields__, 1)
            meant = f"; did you mean {near[0]}?" if near else f"; it has {', '.join(SiteSettings.__struct_fields__)}"
            raise ConfigurationError(f"{path} has no setting {name!r}{meant}")
    return _checked(values, str(path))


def _checked(values: dict[str, Any], source: str) -> SiteSettings:
    try:
        settings = msgspec.convert(values, SiteSettings)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{source}: {_explain(str(error), values)}") from error
    for name in (*settings.readers, *settings.revoked):
        check_device(name)
    ports = (settings.device_port, settings.service_port, settings.redis_port)
    if len(set(ports)) < len(ports):
        raise ConfigurationError(f"{source}: device_port, service_port and redis_port are {ports}; give each another")
    return settings


def _explain(message: str, values: dict[str, Any]) -> str:
    """msgspec's message with the name and value first, where it is about a setting that has a name here."""
    problem, _, path = message.partition(" - at `$.")
    name = path.rstrip("`")
    return f"{name} is {values[name]!r}; {problem[:1].lower()}{problem[1:]}" if name in values else message


def _of_earlier_version(site: Site) -> dict[str, Any]:
    """The settings in the configuration of a site that has no site.toml yet; none where there is no site."""
    try:
        listeners = (site.mosquitto / "listeners" / "listeners.conf").read_text()
        redis = (site.redis / "address.conf").read_text()
    except OSError:
        return {}
    addresses = re.findall(r"^listener (\d+) (\S+)$", listeners, re.M)
    redis_port = re.search(r"^port (\d+)$", redis, re.M)
    if len(addresses) != 2 or redis_port is None:
        return {}
    return {
        "host": addresses[0][1],
        "device_port": int(addresses[0][0]),
        "service_port": int(addresses[1][0]),
        "redis_port": int(redis_port[1]),
        "tls": (site.mosquitto / "tls").exists(),
        "client_certs": "\nrequire_certificate true\n" in listeners,
    }
