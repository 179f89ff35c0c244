"""Whether a request comes from the browser of whoever was meant: by its host, its origin, and the headers of answers.

What is served on loopback is within reach of every website that a browser on the same machine has open, and what is
served in a house of all that its browsers have open. So a request has to name a host that is ours, or a website could
point its own name here (DNS rebinding), and must not come from another origin.
"""

import ipaddress
from collections.abc import Collection, Mapping

from starlette.datastructures import Headers

#: Names of loopback. The port is free, since `ssh -L` may have changed it on the way.
LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost"})
#: Headers of every answer, besides what it may load.
HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",  # labels, and pictures of a camera, don't belong in a browser's cache
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
#: What browsers say of a request's origin: the page itself, or an address that a person typed or clicked.
_OWN_SITE = ("same-origin", "none")


def names_us(headers: Headers, names: Collection[str]) -> bool:
    """Whether a request gives one of our names as its host, with whatever port; IPv6 addresses are in brackets."""
    return _host(headers) in names


def is_address(headers: Headers) -> bool:
    """Whether a request gives an IP address as its host, which no other website can make its own name of."""
    try:
        ipaddress.ip_address(_host(headers).strip("[]"))
    except ValueError:
        return False
    return True


def is_foreign(headers: Headers, scheme: str) -> bool:
    """Whether a browser says that a request comes from another website. Programs say nothing of it."""
    origin = headers.get("origin")
    own = f"{scheme}://{headers.get('host', '')}"
    return origin not in (None, own) or headers.get("sec-fetch-site", "none") not in _OWN_SITE


def is_link(headers: Headers, method: str) -> bool:
    """Whether a person has followed a link from elsewhere to a page: that changes nothing, and carries no cookie."""
    return (
        method == "GET" and headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    )


def _host(headers: Headers) -> str:
    """The host that a request gives, without the port; an IPv6 address in its brackets."""
    host = headers.get("host", "").lower()
    end = host.find("]") + 1
    return host[:end] if host.startswith("[") else host.partition(":")[0]
