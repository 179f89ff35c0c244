"""Who may talk to a page: the browser of whoever was given its address, and nobody else.

A page on loopback is within reach of every website that a browser on the same machine has open, and of every user of
that machine. So each request has to name loopback as its host (or a website could point its own name here: DNS
rebinding), must not come from another origin, and has to carry the page's token, which only its printed address has.
The token travels in a header of its own, never in a cookie, which the browser would also send to the servers on other
ports of loopback. What needs no token is the page's own HTML, style and scripts, which are the same for everybody.
"""

import secrets
from collections.abc import Mapping
from typing import cast

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.origin import HEADERS, LOOPBACK_NAMES, is_foreign, names_us

#: Bytes of the largest body of a request: the regions of a picture are a hundredth of that.
_MOST_BYTES = 1 << 20
#: Headers of every response. Scripts and styles come from files only, and nothing from another host.
_HEADERS: Mapping[str, str] = {
    **HEADERS,
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}


class Guard:
    """ASGI middleware: refuses requests from elsewhere, without the token, or with too large a body."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._authorization = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with what is wrong; every response gets the headers above."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":  # a WebSocket, which no page has
            return await send({"type": "websocket.close"})

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        app = self._app
        if refusal := self._refusal(Headers(scope=scope), cast(str, scope["path"]), cast(str, scope["method"])):
            status, why = refusal
            app = JSONResponse({"error": why}, status)
        await app(scope, receive, send_with_headers)

    def _refusal(self, headers: Headers, path: str, method: str) -> tuple[int, str] | None:
        """The HTTP status and the reason why a request is refused; None when it isn't."""
        if not names_us(headers, LOOPBACK_NAMES):
            return 421, "this page is served to 127.0.0.1 only"
        if is_foreign(headers, "http"):
            return 403, "the request comes from another website"
        if not _is_public(path) and not secrets.compare_digest(
            headers.get("authorization", "").encode(), self._authorization
        ):
            return 403, "the token is missing or wrong; open the whole address that the terminal shows"
        if method not in ("GET", "HEAD"):
            length = headers.get("content-length", "")
            if "transfer-encoding" in headers or not length.isascii() or not length.isdecimal():
                return 411, "the request doesn't say how long its body is"
            if int(length) > _MOST_BYTES:
                return 413, f"the request's body has more than {_MOST_BYTES:,} bytes"
        return None


def _is_public(path: str) -> bool:
    return path == "/" or path.startswith("/static/")
