"""Passwords, and Mosquitto's files of their hashes.

A file keeps every line that it has. So users whom an operator added with `mosquitto_passwd` stay, and users who are in
the file already keep their hash: a run for one more device costs nothing for the thousand others.
"""

import base64
import hashlib
import os
import secrets
from collections.abc import Iterator

#: Bytes of a password, which are random: 192 bits.
_PASSWORD_BYTES = 24
#: Bytes of a hash's salt, which are random.
_SALT_BYTES = 12
#: Rounds of PBKDF2 with SHA-512, as many as `mosquitto_passwd` makes. Nobody can guess 192 random bits however few
#: rounds there are. Mosquitto, which has one thread, computes them at each connection: 20,000 would block it for 17 ms.
_ITERATIONS = 101
#: Rounds that earlier versions of Blindsight made.
_EARLIER_ITERATIONS = 20_000


def new_password() -> str:
    """A random password of letters, digits, hyphens and underscores."""
    return secrets.token_urlsafe(_PASSWORD_BYTES)


class PasswordFile:
    """The lines of one of Mosquitto's password files, in their order."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()

    def __contains__(self, user: str) -> bool:
        return user in self.users()

    def users(self) -> list[str]:
        """The user names, in the file's order."""
        return [user for user, _ in self._entries()]

    def set(self, user: str, password: str) -> None:
        """Give a user, new or known, this password."""
        line = _line(user, password, os.urandom(_SALT_BYTES), _ITERATIONS)
        if user in self:
            self._lines = [line if each.startswith(f"{user}:") else each for each in self._lines]
        else:
            self._lines.append(line)

    def remove(self, user: str) -> None:
        """Forget a user."""
        self._lines = [each for each in self._lines if not each.startswith(f"{user}:")]

    def lighten(self, user: str, password: str) -> bool:
        """Replace a user's hash that an earlier version made with more rounds; whether there was one.

        A hash of another password than this one stays.
        """
        stored = dict(self._entries()).get(user, "").split("$")
        if len(stored) != 5 or stored[1:3] != ["7", str(_EARLIER_ITERATIONS)]:
            return False
        salt = base64.b64decode(stored[3])
        if _line(user, password, salt, _EARLIER_ITERATIONS) not in self._lines:  # the operator gave another password
            return False
        self.set(user, password)
        return True

    def text(self) -> str:
        """The file's contents."""
        return "".join(f"{line}\n" for line in self._lines)

    def _entries(self) -> Iterator[tuple[str, str]]:
        for line in self._lines:
            user, colon, hashed = line.partition(":")
            if colon and not line.startswith("#"):
                yield user, hashed


def _line(user: str, password: str, salt: bytes, iterations: int) -> str:
    """A user's line in Mosquitto's password file: PBKDF2 with SHA-512."""
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations)
    encoded = [base64.b64encode(part).decode() for part in (salt, digest)]
    return f"{user}:$7${iterations}${encoded[0]}${encoded[1]}"
