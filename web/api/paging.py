"""Pages of long lists: cursors that only we can make, and headers with the address of the page that follows.

A cursor is a site's own, sealed for the list, the filter and the account that it was made for. So a site never sees a
cursor that somebody made up.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlencode

from fastapi import Request, Response

from web.access.access import Access
from web.access.viewer import Viewer
from web.api.shapes import Items
from web.errors import ProblemError
from web.site import Page

T = TypeVar("T")
#: Bytes of a cursor's seal.
_SEAL = 16


def paged(
    request: Request, response: Response, viewer: Viewer, cursor: str | None, ask: Callable[[str | None], Page[T]]
) -> Items[T]:
    """A page as an answer. Raises `ProblemError` (400) for a cursor that isn't of this list."""
    access: Access = request.app.state.access
    rest = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    sealed_for = _list_of(request.scope["path"], [each for each in rest if each[0] != "limit"], viewer)
    page = ask(None if cursor is None else opened(access.key, sealed_for, cursor))
    links = [f'<{_address(request, rest)}>; rel="first"']
    following = None
    if page.next_cursor is not None:
        following = sealed(access.key, sealed_for, page.next_cursor)
        links.append(f'<{_address(request, [*rest, ("cursor", following)])}>; rel="next"')
    response.headers["Link"] = ", ".join(links)
    return Items[T](items=list(page.items), next_cursor=following)


def sealed(key: bytes, sealed_for: bytes, cursor: str) -> str:
    """A cursor, sealed for a list."""
    data = cursor.encode()
    return base64.urlsafe_b64encode(_seal(key, sealed_for, data) + data).decode().rstrip("=")


def opened(key: bytes, sealed_for: bytes, text: str) -> str:
    """The cursor that was sealed for a list. Raises `ProblemError` (400) for anything else."""
    try:
        whole = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        whole = b""
    data = whole[_SEAL:]
    if not hmac.compare_digest(whole[:_SEAL], _seal(key, sealed_for, data)):
        raise ProblemError("the cursor isn't of this list and filter; begin without one", 400)
    return data.decode()


def _seal(key: bytes, sealed_for: bytes, data: bytes) -> bytes:
    return hmac.new(key, b"cursor\0" + sealed_for + data, hashlib.sha256).digest()[:_SEAL]


def _list_of(path: str, filters: list[tuple[str, str]], viewer: Viewer) -> bytes:
    devices = None if viewer.devices is None else sorted(viewer.devices)
    text = repr((path, sorted(filters), viewer.name, devices))
    return hashlib.sha256(text.encode(errors="replace")).digest()


def _address(request: Request, query: list[tuple[str, str]]) -> str:
    """The same list's address, without host: how it is called from outside, only who calls knows."""
    path: str = request.url.path
    return f"{path}?{urlencode(query, errors='replace')}" if query else path
