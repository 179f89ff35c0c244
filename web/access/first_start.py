"""The first start: whoever has the address that was printed makes the first account; and where that is allowed at all.

On loopback an application without accounts prints an address with a random token in its fragment, which browsers
neither send nor log. Elsewhere there is nobody who could see it before others, so an account has to be there before,
and TLS, or passwords and labels would be read on the way.
"""

import hmac
import ipaddress
import secrets
import threading

from common.errors import ConfigurationError
from web.access.accounts import Account, Accounts

#: The page that takes the token and a password.
FIRST = "/first"


class FirstStart:
    """The token of a first start, which opens nothing once there is an account."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self.token = secrets.token_urlsafe(32)
        self._lock = threading.Lock()

    def is_due(self) -> bool:
        """Whether there is no account yet."""
        return not self._accounts.contents().accounts

    def address(self, base: str) -> str:
        """What to open in a browser, given the application's address: with the token as long as it opens something."""
        return f"{base}{FIRST}#{self.token}" if self.is_due() else f"{base}/"

    def redeem(self, token: str, name: str, password: str) -> Account | None:
        """Make the first account, a keeper's; None for a wrong token, or one that was used. Raises `AccountError`."""
        right = hmac.compare_digest(token.encode(errors="replace"), self.token.encode())
        with self._lock:  # or two visitors at once would make two accounts
            return self._accounts.add(name, password, "keeper") if right and self.is_due() else None


def check_socket(accounts: Accounts, host: str, *, tls: bool, insecure: bool) -> None:
    """Raise `ConfigurationError` for an address at which the application must not be served as it is.

    `insecure` is that the user said so (`--web-insecure`).
    """
    if is_loopback(host):
        return
    if not accounts.contents().accounts:
        raise ConfigurationError(
            f"the site in a browser has no account, and {host} can be reached by others; add one before, or serve it "
            "on 127.0.0.1, where the first visitor makes one"
        )
    if not tls and not insecure:
        raise ConfigurationError(
            f"{host} can be reached by others, and without TLS whoever is on the way reads passwords and labels; give "
            "--web-cert-file and --web-key-file, serve it on 127.0.0.1 behind `ssh -L` or a proxy, or accept that with "
            "--web-insecure"
        )


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine only."""
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0]).is_loopback
    except ValueError:
        return host.lower() == "localhost"
