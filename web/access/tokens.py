"""API tokens: a random text that a program sends, shown once when it is made, and known here by its hash alone.

A plain SHA-256 is enough, without salt or slowness: 256 random bits can't be guessed or looked up.
"""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Sequence

from web.access.accounts import Accounts, Token
from web.access.viewer import Scope, Viewer
from web.errors import AccountError

#: The form of a token, by which programs that look for leaked secrets find it: the id, and 256 random bits.
_FORM = re.compile(r"blindsight_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")


class Tokens:
    """The tokens of all accounts."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def make(self, account: str, name: str, scopes: Sequence[Scope]) -> tuple[Token, str]:
        """A new token: what is kept of it, and its text, which nobody can get again. Raises `AccountError`."""
        if not scopes:
            raise AccountError("a token without a scope is good for nothing; give read, or read and keep")
        text = f"blindsight_{(id := secrets.token_hex(6))}_{secrets.token_urlsafe(32)}"
        ordered: tuple[Scope, ...] = ("read", "keep") if "keep" in scopes else ("read",)
        token = Token(id, account, name, ordered, hashlib.sha256(text.encode()).hexdigest(), time.time())
        self._accounts.add_token(token)
        return token, text

    def of(self, account: str) -> tuple[Token, ...]:
        """An account's tokens."""
        return tuple(token for token in self._accounts.contents().tokens if token.account == account)

    def revoke(self, account: str, token: str) -> bool:
        """Revoke an account's token, given its id; whether there was one."""
        return self._accounts.remove_token(account, token)

    def viewer(self, text: str) -> Viewer | None:
        """Whoever has sent a token's text; None where it isn't one, or isn't one any more."""
        form = _FORM.fullmatch(text)
        if form is None:
            return None
        digest = hashlib.sha256(text.encode()).hexdigest()
        token = next((each for each in self._accounts.contents().tokens if each.id == form[1]), None)
        if token is None or not hmac.compare_digest(token.sha256, digest):
            return None
        return self.viewer_of(token)

    def viewer_of(self, token: Token) -> Viewer | None:
        """Whoever has a token: its account, with no more rights than its scopes give."""
        account = self._accounts.account(token.account)
        if account is None:
            return None
        keeps = account.role == "keeper" and "keep" in token.scopes
        devices = None if account.devices is None else frozenset(account.devices)
        return Viewer(account.name, "keeper" if keeps else "viewer", devices, token=token.id)
