"""Parts of lists that are in memory: of devices, alarms and dead letters."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import TypeVar

from web.site import Page

T = TypeVar("T")


def page_of(items: Sequence[T], key: Callable[[T], str], cursor: str | None, limit: int) -> Page[T]:
    """At most `limit` items behind a cursor, of items that are in order of `key`, which differs for each.

    The cursor is the last item's key. So a page goes on where the one before it ended, whatever came or went meanwhile.
    """
    start = 0 if cursor is None else bisect_right(items, cursor, key=key)
    part = tuple(items[start : start + limit])
    more = start + len(part) < len(items)
    return Page(part, key(part[-1]) if part and more else None)


def newest_first(number: int) -> str:
    """A key by which higher numbers, from 0 to 2^63, come first."""
    return f"{2**63 - number:020d}"
