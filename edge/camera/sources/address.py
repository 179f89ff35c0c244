"""The address of a camera in the network, which may hold a password: how it is taken apart, and what of it is shown."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from common.errors import ConfigurationError
from common.service.settings import read_secret

#: Schemes of addresses, with their ports.
PORTS = {"rtsp": 554, "http": 80, "https": 443}


@dataclass(frozen=True)
class Address:
    """A camera's address. `url` has no user and no password in it; `shown` is what logs and errors may say.

    What isn't shown is in no `repr`: user, password, and the query, in which some cameras want them.
    """

    shown: str
    host: str
    port: int
    url: str = field(repr=False)
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @property
    def full_url(self) -> str:
        """The address with user and password in it; never to be logged."""
        if not self.user:
            return self.url
        parts = urlsplit(self.url)
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        return urlunsplit(parts._replace(netloc=f"{login}@{parts.netloc}"))

    def refusal(self) -> ConfigurationError:
        """The error for a camera that lets us in neither with the user and the password that we have, nor without."""
        if self.user:
            fix = "refuses this user and password; check the file of --camera-password-file"
        else:
            fix = "asks for a user and a password; give --camera-password-file, a file that holds USER:PASSWORD"
        return ConfigurationError(f"the camera {self.shown} {fix}")


def parse_address(spec: str, password_file: Path | None) -> Address:
    """A camera's address, with the user and password of a file that holds USER:PASSWORD, or those in the URL itself.

    Raises `ConfigurationError`, which tells nothing of a password.
    """
    scheme = spec.partition(":")[0]
    form = f"give {scheme}://HOST[:PORT]/PATH"
    try:
        parts = urlsplit(spec)
        host, port = parts.hostname, parts.port or PORTS[scheme]
    except ValueError:  # whose text would repeat the address
        raise ConfigurationError(f"camera is an address that can't be read; {form}") from None
    if not host:
        raise ConfigurationError(f"camera is an address without a host; {form}")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if password_file is not None:
        if user:
            raise ConfigurationError(
                "camera has a user in its address, and camera_password_file has one too; leave out the first"
            )
        user, colon, password = (read_secret(password_file, None, "camera_password_file") or "").partition(":")
        if not (user and colon):
            raise ConfigurationError(f"camera_password_file is {password_file}, which must hold USER:PASSWORD")
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="")
    shown = urlunsplit(bare._replace(query="…" if bare.query else ""))
    return Address(shown, host, port, urlunsplit(bare), user, password)
