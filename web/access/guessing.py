"""How fast passwords may be guessed: slowly, and without that somebody who guesses keeps the owner out.

Three things are told apart. A *browser* that has logged in to the account before carries a cookie that proves it, and
is held back by its own failures only: nobody else can get in its way (OWASP calls this device cookies). All others are
held back by their *address*, whose tries are refused for a time that doubles with each failure; and by the *account*,
whose tries wait a moment that grows, but are never refused: whoever has the right password gets in from an address
that hasn't failed, however many others guess meanwhile.

What is remembered is bounded. Addresses beyond a number are forgotten, those first that were quiet longest. Accounts
are counted in buckets that a hash picks, whether they exist or not, so that neither the memory nor the answers tell.
"""

import hashlib
import hmac
import ipaddress
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

#: Failures of an address or browser without a consequence; seconds that the next one costs, and a failure at most.
_FREE, _FIRST_SECONDS, _MOST_SECONDS = 5, 1.0, 60.0
#: Failures of an account without a wait, seconds of the first wait and of the longest.
_FREE_OF_ACCOUNT, _FIRST_WAIT, MOST_WAIT = 10, 0.25, 4.0
#: Seconds without a failure after which one begins anew.
_FORGET_SECONDS = 900.0
#: Addresses and browsers that are remembered, and buckets of accounts.
_MOST_SOURCES, _BUCKETS = 4096, 256


class _Count:
    """Failures one after another, when the last one was, and until when others are refused."""

    __slots__ = ("at", "failures", "until")

    def __init__(self) -> None:
        self.failures, self.at, self.until = 0, 0.0, 0.0

    def add(self, now: float) -> int:
        """Count one more; how many there are."""
        self.failures = 1 if now - self.at > _FORGET_SECONDS else min(self.failures + 1, 64)
        self.at = now
        return self.failures


class Guessing:
    """Counts tries. `clock` gives seconds that only grow. Any thread may call any method."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._key = clock, secrets.token_bytes(32)
        self._sources: OrderedDict[str, _Count] = OrderedDict()
        self._accounts = [_Count() for _ in range(_BUCKETS)]
        self._lock = threading.Lock()

    def refused(self, source: str) -> float:
        """Seconds until an address or browser may try again; 0 where it may now, and then counts as having failed.

        It counts at once and not only when the password proves wrong, or many tries at the same time would be free.
        """
        now = self._clock()
        with self._lock:
            count = self._sources.setdefault(source, _Count())
            self._sources.move_to_end(source)
            if len(self._sources) > _MOST_SOURCES:
                self._sources.popitem(last=False)
            if now < count.until:
                return count.until - now
            beyond = count.add(now) - _FREE
            count.until = now if beyond < 0 else now + min(_FIRST_SECONDS * 2**beyond, _MOST_SECONDS)
            return 0.0

    def wait(self, account: str) -> float:
        """Seconds that a try at an account waits; it counts as having failed."""
        with self._lock:
            beyond = self._bucket(account).add(self._clock()) - 1 - _FREE_OF_ACCOUNT
            return 0.0 if beyond < 0 else min(_FIRST_WAIT * 2**beyond, MOST_WAIT)

    def succeeded(self, source: str) -> None:
        """The password was right: the source has a clean sheet. The account has none, or guessing would pay again."""
        with self._lock:
            self._sources.pop(source, None)

    def _bucket(self, account: str) -> _Count:
        digest = hmac.new(self._key, account.encode(errors="replace"), hashlib.sha256).digest()
        return self._accounts[digest[0]]


def source_of(address: str) -> str:
    """What an address counts as: a network of 64 bits with IPv6, since whoever has one there has all."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "address "
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is None:
            return f"address {ipaddress.ip_network((ip, 64), strict=False)}"
        ip = ip.ipv4_mapped
    return f"address {ip}"


def known_browser(key: bytes, account: str) -> str:
    """What a browser that has logged in to an account is given, to be told from others later."""
    nonce = secrets.token_urlsafe(16)
    return f"{nonce}.{_proof(key, account, nonce)}"


def browser_source(key: bytes, account: str, given: str) -> str | None:
    """What a browser counts as that has logged in to this account before; None for any other."""
    nonce, _, proof = given.partition(".")
    if not hmac.compare_digest(_proof(key, account, nonce).encode(), proof.encode(errors="replace")):
        return None
    return f"browser {nonce}"


def _proof(key: bytes, account: str, nonce: str) -> str:
    return hmac.new(key, f"browser\0{nonce}\0{account}".encode(errors="replace"), hashlib.sha256).hexdigest()
