"""Cursors of pages: sealed, so that they tell nothing, and nobody can make one, or take one to another list.

A cursor holds the time and the number of the row behind which a page ends, encrypted with AES-GCM (NIST SP 800-38D)
under a key of the history's own. The list, with its filter, is authenticated along.
"""

import os
import struct
from base64 import b64decode, urlsafe_b64encode
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from common.errors import HistoryError

#: Bytes of the random number that each cursor begins with.
_NONCE_BYTES = 12
#: A row's time (epoch, s) and number.
_PLACE = struct.Struct(">dq")
#: Characters of a cursor: its nonce, its place and the tag of 16 bytes in base64, without padding.
_LENGTH = -(-(_NONCE_BYTES + _PLACE.size + 16) * 4 // 3)


class Place(NamedTuple):
    """A row's place in a list: its time (epoch, s), and its number, by which rows of the same time are in order."""

    at: float
    id: int


class Cursors:
    """Makes and reads the cursors of a history, given its key (32 bytes)."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, place: Place, of: str) -> str:
        """A cursor of ASCII letters, digits, - and _ for the list that `of` describes."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, _PLACE.pack(*place), of.encode())
        return urlsafe_b64encode(nonce + sealed).decode().rstrip("=")

    def open(self, cursor: str, of: str) -> Place:
        """The place in a cursor of that list. Raises `HistoryError` for any other text."""
        try:
            if len(cursor) != _LENGTH:
                raise ValueError
            body = b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            return Place(*_PLACE.unpack(self._cipher.decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], of.encode())))
        except (ValueError, InvalidTag) as error:  # of base64, or of no ASCII
            raise HistoryError(
                "the cursor isn't one of this list; take it from next_cursor of a page with the same filter, or begin "
                "again without one"
            ) from error
