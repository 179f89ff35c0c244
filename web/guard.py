"""The guard in front of all routes: who asks, from where, how much, and for how long.

It closes by default: without a session or a token nobody gets to a route, but to the few that are needed to log in.
Whatever a session changes has to carry the session's CSRF token. A request has a bound for its size and for the time
that its body takes to come, and its answer one for the time that it may take.
"""

from collections.abc import Awaitable, Callable, Collection
from typing import cast
from urllib.parse import parse_qs

from fastapi import Request
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from web.access.access import Access
from web.access.cookies import SESSION, cookie_name
from web.access.first_start import FIRST
from web.access.sessions import is_csrf
from web.access.viewer import Viewer
from web.answers import LOGIN
from web.bounds import InTime, Sending, given_back, read_body
from web.errors import ForbiddenError, NotFoundError, NotLoggedInError, ProblemError
from web.origin import HEADERS, is_address, is_foreign, is_link, names_us

#: What needs neither session nor token: to log in, and what pages look like.
PUBLIC = frozenset({LOGIN, FIRST, "/favicon.ico", "/api/v1/session", "/api/v1/first"})
_PUBLIC_FOLDER = "/static/"
#: The methods that there are, and those that change nothing.
_METHODS, _READING = frozenset({"GET", "HEAD", "POST", "DELETE"}), frozenset({"GET", "HEAD"})
#: Bytes of a request's address at most.
MOST_ADDRESS = 8192
#: Where a CSRF token is: a header of a fetch, or a field of a form, which has so many fields at most.
CSRF_HEADER, CSRF_FIELD, _MOST_FIELDS = "X-CSRF-Token", "csrf", 200
_FORM = "application/x-www-form-urlencoded"
#: Headers of every answer, besides those that all our pages share.
_HEADERS = {
    **HEADERS,
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "same-origin",  # `no-referrer` would have forms say that their origin is null
    "X-Frame-Options": "DENY",
    "Vary": "Cookie, Authorization",
}
Answer = Callable[[Request, Exception], Awaitable[Response]]


class Guard:
    """ASGI middleware. `names` are the hosts that a request may give; `answer` makes the answers that refuse."""

    def __init__(self, app: ASGIApp, access: Access, names: Collection[str], answer: Answer) -> None:
        self._app, self._access, self._answer = InTime(app), access, answer
        self._names = frozenset(name.lower() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with what is wrong."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":  # a WebSocket, which nothing here has
            return await send({"type": "websocket.close"})
        # A copy, since the server goes by its own scope: there, HEAD stays HEAD.
        scope = {**scope, "state": {**scope.get("state", {})}}
        request, sending = (
            Request(scope, receive),
            Sending(send, _headers(scope), without_body=scope["method"] == "HEAD"),
        )
        try:
            self._check(request)
            viewer = self._viewer(request)
            body = await read_body(receive, request.headers)
            if viewer is not None and _needs_csrf(scope, viewer):
                _check_csrf(request.headers, viewer, body)
            scope["state"]["viewer"] = viewer
            scope["method"] = "GET" if scope["method"] == "HEAD" else scope["method"]
            await self._app(scope, given_back(body, receive), sending)
        except Exception as error:
            if sending.began:  # the connection is closed, so that whoever reads sees that something is missing
                raise
            await (await self._answer(request, error))(scope, receive, sending)

    def _check(self, request: Request) -> None:
        headers, scope = request.headers, request.scope
        if not names_us(headers, self._names) and not is_address(headers):
            raise ProblemError("this site isn't called by that name; --web-name gives it one", 421)
        if scope["method"] not in _METHODS:
            raise ProblemError("this method isn't known here", 405, {"Allow": ", ".join(sorted(_METHODS))})
        if is_foreign(headers, scope["scheme"]) and not is_link(headers, scope["method"]):
            raise ForbiddenError("the request comes from another website")
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MOST_ADDRESS:
            raise ProblemError(f"the address has more than {MOST_ADDRESS:,} bytes", 414)
        if "\0" in scope["path"]:
            raise NotFoundError("there is nothing at this address")

    def _viewer(self, request: Request) -> Viewer | None:
        """Who asks; None where nobody needs to be."""
        path, authorization = cast(str, request.scope["path"]), request.headers.get("authorization")
        if authorization is not None:
            kind, _, token = authorization.partition(" ")
            viewer = self._access.tokens.viewer(token.strip()) if kind.lower() == "bearer" else None
            if viewer is None:
                raise NotLoggedInError("the token isn't one, or was revoked; send: Authorization: Bearer …")
            return viewer
        cookie = request.cookies.get(cookie_name(request.scope, SESSION))
        viewer = self._access.sessions.viewer(cookie) if cookie else None
        if viewer is None and path not in PUBLIC and not path.startswith(_PUBLIC_FOLDER):
            raise NotLoggedInError
        return viewer


def _needs_csrf(scope: Scope, viewer: Viewer) -> bool:
    """Whether a request has to prove that one of our pages made it: all that change something, but not to log in."""
    logs_in = scope["method"] == "POST" and scope["path"] in PUBLIC
    return viewer.session is not None and scope["method"] not in _READING and not logs_in


def _check_csrf(headers: Headers, viewer: Viewer, body: bytes) -> None:
    given = headers.get(CSRF_HEADER)
    if given is None and headers.get("content-type", "").partition(";")[0].strip() == _FORM:
        try:
            given = parse_qs(body.decode("utf-8", errors="replace"), max_num_fields=_MOST_FIELDS).get(CSRF_FIELD, [""])[
                0
            ]
        except ValueError:
            given = None
    if given is None or not is_csrf(viewer, given):
        raise ForbiddenError(
            f"the CSRF token is missing or wrong: send {CSRF_HEADER}, or the field {CSRF_FIELD} of a form"
        )


def _headers(scope: Scope) -> dict[str, str]:
    headers = dict(_HEADERS)
    if scope["path"].startswith(_PUBLIC_FOLDER):
        headers["Cache-Control"] = "no-cache"  # kept, and asked for whether it has changed
    if scope["scheme"] == "https":
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers
