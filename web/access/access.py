"""Who gets in: the accounts, tokens and sessions of one application, as its guard asks them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread
from argon2 import PasswordHasher

from web.access.accounts import Account, Accounts
from web.access.audit import Audit
from web.access.first_start import FirstStart
from web.access.guessing import Guessing, browser_source, known_browser, source_of
from web.access.sessions import Sessions
from web.access.tokens import Tokens
from web.access.viewer import Viewer
from web.errors import ProblemError

T = TypeVar("T")
#: Passwords that are hashed at once: each takes 64 MB.
_MOST_HASHED = 2
#: Logins under way at once, of browsers that aren't known.
_MOST_LOGINS = 64


@dataclass(frozen=True)
class Login:
    """What a browser gets: its session's cookie, and the one by which it is known later."""

    viewer: Viewer
    session: str
    known: str


class Access:
    """What decides who gets in. Its files are in a folder that only its user may read.

    `hasher` makes and checks hashes of passwords; without one argon2-cffi's defaults do. Raises `ConfigurationError`
    where the folder can't be made or used.
    """

    def __init__(self, folder: Path, hasher: PasswordHasher | None = None) -> None:
        self.accounts = Accounts(folder, hasher)
        self.tokens = Tokens(self.accounts)
        self.sessions = Sessions(self.accounts)
        self.guessing = Guessing()
        self.first = FirstStart(self.accounts)
        self.audit = Audit(folder)
        self._hashing: anyio.CapacityLimiter | None = None
        self._under_way = 0
        self.key = bytes.fromhex(self.accounts.contents().key)

    async def log_in(self, name: str, password: str, address: str, known: str = "") -> Login:
        """Log in. Raises `ProblemError`: 401 for a wrong name or password, 429 where it is too early to try again."""
        browser = browser_source(self.key, name, known)
        source = browser or source_of(address)
        if seconds := self.guessing.refused(source):
            raise _too_early(seconds)
        if browser is None:
            if self._under_way >= _MOST_LOGINS:
                raise _too_early(1)
            self._under_way += 1
            try:
                await anyio.sleep(self.guessing.wait(name))
            finally:
                self._under_way -= 1
        account = await self._hash(self.accounts.verify, name, password)
        if account is None:
            self.audit.note("login failed", name, address)
            raise ProblemError("the name or the password is wrong", 401)
        self.guessing.succeeded(source)
        return self._begin(account, address)

    async def log_in_first(self, token: str, name: str, password: str, address: str) -> Login:
        """Make the first account, and log in. Raises `ProblemError` (401, 429), and `AccountError` for the account."""
        source = source_of(address)
        if seconds := self.guessing.refused(source):  # or whoever fails could fill the audit log
            raise _too_early(seconds)
        account = await self._hash(self.first.redeem, token, name, password)
        if account is None:
            self.audit.note("first start failed", name, address)
            raise ProblemError("the token isn't right, or has been used; open the address that the terminal shows", 401)
        self.guessing.succeeded(source)
        self.audit.note("account made at first start", name, address)
        return self._begin(account, address)

    def log_out(self, viewer: Viewer, address: str) -> None:
        """End a session."""
        if viewer.session is not None:
            self.sessions.end(viewer.session)
            self.audit.note("logout", viewer.name, address)

    def again(self, viewer: Viewer) -> Viewer | None:
        """Whoever has asked, as they are now; None where their session has ended or their token was revoked."""
        if viewer.session is not None:
            return self.sessions.again(viewer.session)
        contents = self.accounts.contents()
        token = next((each for each in contents.tokens if each.id == viewer.token), None)
        return None if token is None else self.tokens.viewer_of(token)

    def _begin(self, account: Account, address: str) -> Login:
        self.audit.note("login", account.name, address)
        cookie, viewer = self.sessions.begin(account)
        return Login(viewer, cookie, known_browser(self.key, account.name))

    async def _hash(self, call: Callable[..., T], *arguments: str) -> T:
        if self._hashing is None:  # made here, since it belongs to the loop that runs
            self._hashing = anyio.CapacityLimiter(_MOST_HASHED)
        return await anyio.to_thread.run_sync(call, *arguments, limiter=self._hashing)


def _too_early(seconds: float) -> ProblemError:
    whole = math.ceil(seconds)
    return ProblemError(f"too many tries; try again in {whole} s", 429, {"Retry-After": str(whole)})
