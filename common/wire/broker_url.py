"""The URL of an MQTT broker, taken apart."""

from typing import NamedTuple
from urllib.parse import unquote, urlsplit

#: The ports of the schemes, without and with TLS.
_PORTS = {"mqtt": 1883, "mqtts": 8883}


class BrokerUrl(NamedTuple):
    """A broker's address, and who connects to it. `secure` says whether by TLS."""

    host: str
    port: int
    user: str | None
    password: str | None
    secure: bool


def read_broker_url(text: str) -> BrokerUrl:
    """The parts of mqtt://USER:PASSWORD@HOST:PORT or mqtts://…; user, password and port may be left out.

    Raises `ValueError` with what is said of the URL, which isn't shown: it may hold a password.
    """
    try:
        url = urlsplit(text)
        port = url.port
    except (ValueError, AttributeError, TypeError):
        raise ValueError("can't be read as a URL") from None
    if url.scheme not in _PORTS or not url.hostname or url.path.strip("/") or url.query or url.fragment:
        raise ValueError("is no MQTT broker's URL")
    user = unquote(url.username) if url.username else None
    password = None if url.password is None else unquote(url.password)
    return BrokerUrl(url.hostname, _PORTS[url.scheme] if port is None else port, user, password, url.scheme == "mqtts")
