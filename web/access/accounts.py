"""The file of accounts and API tokens: names, roles, hashes of passwords and of tokens, nothing that opens a door.

Several processes may have it open, such as the application and a command that adds an account: a change is seen by all
with the next look. Passwords are hashed by Argon2id (RFC 9106) with the parameters that argon2-cffi recommends, and
hashed again when these have changed.
"""

import os
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from common.errors import ConfigurationError
from common.files import read_file
from common.quoting import shown
from web.access.files import changing, make_folder, replace_file
from web.access.viewer import Role, Scope
from web.errors import AccountError

#: Characters of a password, and of the name of an account or token, at least and at most.
PASSWORD_LENGTH, NAME_LENGTH = (12, 1024), (1, 64)
#: Accounts, and tokens of all accounts together, at most.
_MOST_ACCOUNTS, _MOST_TOKENS = 200, 1000
#: Devices that a viewer's list names, and characters of a name, at most.
_MOST_DEVICES, _DEVICE_LENGTH = 2000, 200
#: Bytes of the file at most: some more than all of the above take.
_MOST_BYTES = 1 << 27
#: The name of the file, and its version.
_FILE, _VERSION = "accounts.json", 1
T = TypeVar("T")


class Account(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account. `devices` are those that its owner may see, None is all; a keeper sees all."""

    name: str
    password: str  # its hash, as argon2-cffi writes it
    role: Role
    devices: tuple[str, ...] | None
    created_at: float


class Token(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An API token of an account, which has no rights beyond the account's. `sha256` is of its text, in hex."""

    id: str
    account: str
    name: str
    scopes: tuple[Scope, ...]
    sha256: str
    created_at: float


class Contents(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of the file. `key` is for what the application gives browsers and wants to know again, in hex."""

    version: int
    key: str
    accounts: tuple[Account, ...] = ()
    tokens: tuple[Token, ...] = ()


class Accounts:
    """The accounts in a folder. Any thread may call any method.

    Methods raise `ConfigurationError` when the file can't be read or written, or isn't what was written here, and
    `AccountError` for what is asked of them and can't be.
    """

    def __init__(self, folder: Path, hasher: PasswordHasher | None = None) -> None:
        make_folder(folder)
        self._folder, self._path = folder, folder / _FILE
        self._hasher = hasher or PasswordHasher()
        self._lock = threading.Lock()
        self._seen: tuple[tuple[int, int, int], Contents] | None = None
        #: What the password of an account that doesn't exist is compared with, so that it takes as long.
        self._nobody = self._hasher.hash(secrets.token_urlsafe())

    def contents(self) -> Contents:
        """What the file says now."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return self._change(lambda contents: contents)
        except OSError as error:
            raise self._unusable(error.strerror) from error
        stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
        with self._lock:
            if self._seen is None or self._seen[0] != stamp:
                self._seen = (stamp, self._read())
            return self._seen[1]

    def account(self, name: str) -> Account | None:
        """An account by its name."""
        return next((account for account in self.contents().accounts if account.name == name), None)

    def add(self, name: str, password: str, role: Role, devices: Sequence[str] | None = None) -> Account:
        """A new account."""
        check_name(name, "the account's name")
        check_password(password, name)
        if devices is not None:
            _check_devices(role, devices)
        listed = None if devices is None else tuple(sorted(set(devices)))
        account = Account(name, self._hasher.hash(password), role, listed, time.time())

        def change(contents: Contents) -> Contents:
            if any(each.name == name for each in contents.accounts):
                raise AccountError(f"there is an account {shown(name)} already; choose another name")
            if len(contents.accounts) >= _MOST_ACCOUNTS:
                raise AccountError(f"there are {_MOST_ACCOUNTS} accounts, which is the most; remove one")
            return msgspec.structs.replace(contents, accounts=(*contents.accounts, account))

        self._change(change)
        return account

    def remove(self, name: str) -> None:
        """Remove an account, its tokens and, by that, its sessions."""

        def change(contents: Contents) -> Contents:
            _one(contents, name)
            return msgspec.structs.replace(
                contents,
                accounts=tuple(each for each in contents.accounts if each.name != name),
                tokens=tuple(each for each in contents.tokens if each.account != name),
            )

        self._change(change)

    def set_password(self, name: str, password: str) -> None:
        """Give an account another password, which ends its sessions."""
        check_password(password, name)
        self._set_hash(name, self._hasher.hash(password))

    def verify(self, name: str, password: str) -> Account | None:
        """The account whose name and password these are; takes as long for a name that isn't there. Slow, by design."""
        account = self.account(name)
        stored = self._nobody if account is None else account.password
        try:
            self._hasher.verify(stored, password[: PASSWORD_LENGTH[1]])
        except (VerificationError, InvalidHashError):
            return None
        if account is None or len(password) > PASSWORD_LENGTH[1]:
            return None
        if self._hasher.check_needs_rehash(stored):
            return self._set_hash(name, self._hasher.hash(password), stored)
        return account

    def add_token(self, token: Token) -> None:
        """Note a new token."""
        check_name(token.name, "the token's name")

        def change(contents: Contents) -> Contents:
            account = _one(contents, token.account)
            if "keep" in token.scopes and account.role != "keeper":
                raise AccountError("a viewer's token can't have the scope keep; make one with read")
            if len(contents.tokens) >= _MOST_TOKENS:
                raise AccountError(f"there are {_MOST_TOKENS:,} tokens, which is the most; revoke one")
            return msgspec.structs.replace(contents, tokens=(*contents.tokens, token))

        self._change(change)

    def remove_token(self, account: str, token: str) -> bool:
        """Revoke an account's token, given its id; whether there was one."""
        found = False

        def change(contents: Contents) -> Contents:
            nonlocal found
            kept = tuple(each for each in contents.tokens if (each.account, each.id) != (account, token))
            found = len(kept) < len(contents.tokens)
            return msgspec.structs.replace(contents, tokens=kept)

        self._change(change)
        return found

    def _set_hash(self, name: str, hashed: str, known: str | None = None) -> Account:
        changed: list[Account] = []

        def change(contents: Contents) -> Contents:
            account = _one(contents, name)
            if known is None or account.password == known:  # else somebody has set another one meanwhile
                account = msgspec.structs.replace(account, password=hashed)
            changed.append(account)
            rest = (account if each.name == name else each for each in contents.accounts)
            return msgspec.structs.replace(contents, accounts=tuple(rest))

        self._change(change)
        return changed[0]

    def _change(self, change: Callable[[Contents], Contents]) -> Contents:
        try:
            with changing(self._folder):
                there = self._path.exists()
                before = self._read() if there else Contents(_VERSION, secrets.token_hex(32))
                after = change(before)
                if after != before or not there:
                    replace_file(self._path, msgspec.json.format(msgspec.json.encode(after), indent=1) + b"\n")
                return after
        except OSError as error:
            raise self._unusable(error.strerror) from error

    def _read(self) -> Contents:
        try:
            if os.name == "posix" and self._path.stat().st_mode & 0o077:
                raise self._unusable(f"others than its user may read or write it; run: chmod 600 {self._path}")
            contents = msgspec.json.decode(read_file(self._path, _MOST_BYTES), type=Contents)
        except OSError as error:
            raise self._unusable(error.strerror) from error
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise self._unusable(shown(error)) from error
        if contents.version != _VERSION:
            raise self._unusable(f"it is of version {contents.version}, and this reads {_VERSION}; update Blindsight")
        return contents

    def _unusable(self, why: str | None) -> ConfigurationError:
        return ConfigurationError(f"the file of accounts {self._path} can't be used: {why}")


def check_name(name: str, what: str) -> None:
    """Raise `AccountError` for the name of an account or token that can't be."""
    least, most = NAME_LENGTH
    if not least <= len(name) <= most or not name.isprintable() or name != name.strip():
        raise AccountError(f"{what} has to have {least} to {most} characters that can be printed, no space at its ends")


def check_password(password: str, name: str) -> None:
    """Raise `AccountError` for a password that is too short or long, or the account's name. It is never shown."""
    least, most = PASSWORD_LENGTH
    if not least <= len(password) <= most:
        raise AccountError(f"a password has {least} to {most:,} characters, and this one {len(password):,}")
    if len(set(password)) < 4 or password.casefold() == name.casefold():
        raise AccountError("this password is the account's name, or hardly more than one character; choose another")


def _check_devices(role: Role, devices: Sequence[str]) -> None:
    if role == "keeper":
        raise AccountError("a keeper sees all devices; make a viewer of whoever may see only some")
    if len(devices) > _MOST_DEVICES or any(not 0 < len(device) <= _DEVICE_LENGTH for device in devices):
        raise AccountError(
            f"a list names at most {_MOST_DEVICES:,} devices, each with 1 to {_DEVICE_LENGTH} characters"
        )


def _one(contents: Contents, name: str) -> Account:
    for account in contents.accounts:
        if account.name == name:
            return account
    raise AccountError(f"there is no account {shown(name)}")
