"""The application: a site, who may see it, and what they are answered.

Routes get who asks and what they may see by `web.dependencies`. All are behind the guard (`web.guard`), which lets only
those through who have a session or a token; without one a browser is led to the login page, or at the first start to
the page that makes the first account. Everything below `/api/` answers problems as JSON (RFC 9457), everything else as
pages, which `Pages` renders. The login page posts to `/api/v1/session`, and the first page to `/api/v1/first`.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, Response

from common.errors import BlindsightError
from web.access.access import Access
from web.answers import PROBLEM_TYPE, answer
from web.api import devices, document, fleet, labels, readings, session
from web.api.streams import Downloads
from web.errors import ProblemError
from web.guard import Guard
from web.live import Live
from web.origin import LOOPBACK_NAMES
from web.site import Site
from web.versions import Versions

#: Where the REST interface is.
API = "/api/v1"


class Pages(Protocol):
    """The HTML pages: their routes, and how a page says that something is wrong."""

    router: APIRouter

    def problem(self, request: Request, status: int, detail: str) -> Response:
        """The page for an answer that isn't what was asked for; whoever reads it may not be logged in."""


class PlainPages:
    """No pages: what the REST interface alone needs."""

    def __init__(self) -> None:
        self.router = APIRouter()

    def problem(self, request: Request, status: int, detail: str) -> Response:
        """The status, and no word that somebody else chose."""
        return HTMLResponse(f"<!doctype html><title>{status}</title><p>{status}", status)


def build_app(site: Site, access: Access, names: Sequence[str] = (), pages: Pages | None = None) -> FastAPI:
    """The application. `names` are host names by which it may be called, besides `localhost` and IP addresses.

    `app.state` has what routes need: `site`, `access`, `pages`, `versions` and `live`.
    """
    guard = Middleware(Guard, access=access, names=[*LOOPBACK_NAMES, *names], answer=answer)
    app = FastAPI(title="Blindsight", openapi_url=None, docs_url=None, redoc_url=None, middleware=[guard])
    app.state.site, app.state.access, app.state.pages = site, access, pages or PlainPages()
    app.state.versions, app.state.downloads = Versions(), Downloads()
    app.state.live = Live(site, access, app.state.versions)
    for part in (session, devices, labels, readings, fleet, document):
        app.include_router(part.router, prefix=API, responses=_problems())
    app.include_router(app.state.pages.router, include_in_schema=False)
    for kind in (ProblemError, RequestValidationError, HTTPException, BlindsightError):
        app.add_exception_handler(kind, answer)
    return app


def _problems() -> dict[int | str, dict[str, Any]]:
    """What the OpenAPI document says of answers that aren't what was asked for."""
    told = {
        400: "The request can't be read, or a cursor isn't of this list.",
        401: "Nobody is logged in, and there is no token.",
        403: "Whoever asks may not do this.",
        404: "There is nothing of that name, or nothing that whoever asks may see.",
        405: "This address isn't asked in that way.",
        413: "The request's body is too long.",
        414: "The address is too long.",
        421: "The site isn't called by the name that the request gives.",
        422: "A value can't be used.",
        429: "Too many tries.",
        503: "Too much is under way, or the site can't answer now.",
    }
    schema = {"content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    return {status: {"description": why, **schema} for status, why in told.items()}
