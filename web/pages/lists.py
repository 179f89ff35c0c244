"""Pages of a long list, each with an address of its own. Cursors are sealed as the REST interface seals them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import urlencode

from fastapi import Request, Response

from web.access.viewer import Viewer
from web.api.paging import paged
from web.site import Page

T = TypeVar("T")


@dataclass(frozen=True)
class Listed(Generic[T]):
    """A page's items, and the addresses of the first page, where this is another, and of the next one."""

    items: Sequence[T]
    first: str | None
    following: str | None


def listed(request: Request, viewer: Viewer, cursor: str | None, ask: Callable[[str | None], Page[T]]) -> Listed[T]:
    """The page that a request's address asks for. Raises `ProblemError` for a cursor that isn't of this list."""
    page = paged(request, Response(), viewer, cursor, ask)
    rest = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]

    def address(*more: tuple[str, str]) -> str:
        return f"{request.url.path}?{urlencode([*rest, *more])}"

    following = address(("cursor", page.next_cursor)) if page.next_cursor else None
    return Listed(page.items, address() if cursor else None, following)
