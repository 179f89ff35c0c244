"""Sessions: who is logged in, in this process's memory alone, so that a restart ends them all.

A browser has 256 random bits in a cookie; here they are known by their SHA-256, so that a look into this process's
memory dump or log opens no session. A session ends when it isn't used for a while, when it has lasted long enough, when
its account is removed or gets another password, and when somebody logs out.
"""

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from web.access.accounts import Account, Accounts
from web.access.viewer import Viewer

#: Seconds without a request after which a session ends, and seconds that it may last.
IDLE_SECONDS, MOST_SECONDS = 8 * 3600.0, 7 * 86_400.0
#: Sessions of an account at once, and of all together: beyond these the one that was used longest ago ends.
_MOST_OF_ACCOUNT, _MOST = 32, 1024
#: Bytes of randomness of a cookie and of a CSRF token.
_BYTES = 32


@dataclass
class _Session:
    """A session. `password` is the account's hash when it began."""

    account: str
    password: str
    csrf: str
    began_at: float
    used_at: float


class Sessions:
    """All sessions. `clock` gives seconds that only grow."""

    def __init__(self, accounts: Accounts, clock: Callable[[], float] = time.monotonic) -> None:
        self._accounts, self._clock = accounts, clock
        self._sessions: dict[str, _Session] = {}
        self._lock = threading.Lock()

    def begin(self, account: Account) -> tuple[str, Viewer]:
        """A new session: the cookie's value, and who has it."""
        cookie, now = secrets.token_urlsafe(_BYTES), self._clock()
        session = _Session(account.name, account.password, secrets.token_urlsafe(_BYTES), now, now)
        with self._lock:
            self._make_room(account.name)
            self._sessions[_id(cookie)] = session
        return cookie, _viewer(_id(cookie), session, account)

    def viewer(self, cookie: str) -> Viewer | None:
        """Whoever has a cookie's session, which this uses; None where it is none, or has ended."""
        return self._look(_id(cookie), uses=True)

    def again(self, session: str) -> Viewer | None:
        """Whoever has a session by its id, without using it; None where it has ended."""
        return self._look(session, uses=False)

    def end(self, session: str) -> None:
        """Log out."""
        with self._lock:
            self._sessions.pop(session, None)

    def _look(self, session_id: str, *, uses: bool) -> Viewer | None:
        with self._lock:
            session = self._sessions.get(session_id)
        if session is None:
            return None
        now, account = self._clock(), self._accounts.account(session.account)
        ended = now - session.used_at > IDLE_SECONDS or now - session.began_at > MOST_SECONDS
        if ended or account is None or account.password != session.password:
            self.end(session_id)
            return None
        if uses:
            session.used_at = now
        return _viewer(session_id, session, account)

    def _make_room(self, account: str) -> None:
        for most, of in ((_MOST_OF_ACCOUNT, account), (_MOST, None)):
            names = [name for name, session in self._sessions.items() if of in (None, session.account)]
            if len(names) >= most:
                del self._sessions[min(names, key=lambda name: self._sessions[name].used_at)]


def is_csrf(viewer: Viewer, given: str) -> bool:
    """Whether a text is the CSRF token of whoever asks."""
    return bool(viewer.csrf) and hmac.compare_digest(viewer.csrf.encode(), given.encode(errors="replace"))


def _id(cookie: str) -> str:
    return hashlib.sha256(cookie.encode(errors="replace")).hexdigest()


def _viewer(session_id: str, session: _Session, account: Account) -> Viewer:
    devices = None if account.devices is None else frozenset(account.devices)
    return Viewer(account.name, account.role, devices, session.csrf, session_id)
