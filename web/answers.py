"""Answers that aren't what was asked for: problems as JSON (RFC 9457) below `/api/`, and pages elsewhere."""

import re
import traceback
from http import HTTPStatus
from urllib.parse import quote

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from common.errors import BlindsightError
from common.logs import get_logger
from common.quoting import shown
from common.service.repeated import RepeatedLines
from web.access.first_start import FIRST
from web.errors import AccountError, NotLoggedInError, NotModifiedError, ProblemError

#: Where whoever isn't logged in is led to.
LOGIN = "/login"
#: The type of problems.
PROBLEM_TYPE = "application/problem+json"
#: Wrong fields of a request that an answer names, and characters of what it says of each.
_MOST_FIELDS, _MOST_CHARACTERS = 20, 200
#: The beginning of a path that leads to a page here.
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9]")
_log, _lines = get_logger(__name__), RepeatedLines()


def is_api(request: Request) -> bool:
    """Whether a program asks, rather than a browser for a page."""
    return str(request.scope["path"]).startswith("/api/")


async def answer(request: Request, error: Exception) -> Response:
    """The answer to a request that failed with an error."""
    if isinstance(error, NotModifiedError):
        return Response(status_code=error.status, headers=error.headers)
    if isinstance(error, ProblemError):
        return _problem(request, error.status, error.detail, error.headers, leads=isinstance(error, NotLoggedInError))
    if isinstance(error, RequestValidationError):
        return _wrong_fields(request, error)
    if isinstance(error, HTTPException):
        return _problem(request, error.status_code, _sentence(error.status_code), dict(error.headers or {}))
    if isinstance(error, AccountError):
        return _problem(request, 422, str(error))
    if isinstance(error, BlindsightError):  # its text may name files, which are for the log
        _lines.say(_log.error, "the site can't answer", "", type(error).__name__, problem=str(error))
        return _problem(request, 503, "the site can't answer that now; its log says why", {"Retry-After": "5"})
    # As a text, since a log may add the values of variables to a traceback, and a password may be among them.
    trace = "".join(traceback.format_exception(error))
    path = shown(request.scope["path"])
    _lines.say(_log.error, "a request failed", "", f"{type(error).__name__} {path}", path=path, traceback=trace)
    return _problem(request, 500, "something went wrong here; the log says what")


def _problem(
    request: Request,
    status: int,
    detail: str,
    headers: dict[str, str] | None = None,
    fields: list[dict[str, str]] | None = None,
    *,
    leads: bool = False,
) -> Response:
    headers = headers or {}
    if is_api(request):
        title = HTTPStatus(status).phrase
        body: dict[str, object] = {"type": "about:blank", "title": title, "status": status, "detail": detail}
        if fields is not None:
            body["errors"] = fields
        return JSONResponse(body, status, headers, PROBLEM_TYPE)
    if leads and request.method == "GET":
        return RedirectResponse(_way_in(request), 303)
    page: Response = request.app.state.pages.problem(request, status, detail)
    page.headers.update(headers)
    return page


def _way_in(request: Request) -> str:
    """Where to log in, and to come back from there; or where to make the first account."""
    if request.app.state.access.first.is_due():
        return FIRST
    path = str(request.scope["path"])
    query = request.scope["query_string"].decode("ascii", errors="replace")
    whole = f"{path}?{query}" if query else path
    if not _PLAIN_PATH.match(path):  # `//host` and `/\\host` would lead elsewhere
        return LOGIN
    return f"{LOGIN}?next={quote(whole, safe='/')}"


def _wrong_fields(request: Request, error: RequestValidationError) -> Response:
    """422, with each field that is wrong, but not with what was sent: it may be a password, or a megabyte."""
    fields = [
        {"field": ".".join(map(str, each["loc"]))[:_MOST_CHARACTERS], "why": str(each["msg"])[:_MOST_CHARACTERS]}
        for each in error.errors()[:_MOST_FIELDS]
    ]
    named = ", ".join(field["field"] for field in fields)
    return _problem(request, 422, f"a value can't be used: {named}", fields=[_printable(field) for field in fields])


def _printable(field: dict[str, str]) -> dict[str, str]:
    return {name: value.encode(errors="replace").decode() for name, value in field.items()}


def _sentence(status: int) -> str:
    return {
        404: "there is nothing at this address",
        405: "this address isn't asked in that way",
    }.get(status, HTTPStatus(status).description or HTTPStatus(status).phrase)
