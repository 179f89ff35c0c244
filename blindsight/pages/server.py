"""The server of one page, on loopback, until the page ends it or Ctrl-C does."""

import secrets
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from blindsight.pages.guard import Guard
from common.errors import BlindsightError, ConfigurationError

#: The address that pages are served at: this machine only.
HOST = "127.0.0.1"
#: Where the HTML, style and scripts of the pages are.
_STATIC = Path(__file__).parent / "static"
#: Seconds that responses which are under way have to end, once the server shall.
_GRACE_SECONDS = 3


class Page(Protocol):
    """A page: its HTML and what its scripts ask for."""

    #: The name of its HTML file in `static/`.
    html: str

    def routes(self, end: Callable[[], None]) -> Sequence[BaseRoute]:
        """Routes below `/api/`, all of which need the token. `end` ends the server after the response under way."""


class PageServer:
    """A page's server: it has its port and token at once, and answers while `run` runs."""

    def __init__(self, page: Page, port: int = 0) -> None:
        """Bind the port; 0 is a free one. Raises `ConfigurationError` when the port can't be had."""
        try:
            self._socket = socket.create_server((HOST, port))
        except (OSError, OverflowError) as error:
            raise ConfigurationError(
                f"port is {port}, which can't be opened: {error}; choose another, or leave it out for a free one"
            ) from error
        self.port: int = self._socket.getsockname()[1]
        self.token = secrets.token_urlsafe(24)
        self.app = build_app(page, self.token, self.end)
        # No log of requests, and no start-up lines: the terminal shows the address, and nothing to hide it.
        self._server = uvicorn.Server(
            uvicorn.Config(
                self.app,
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )

    @property
    def address(self) -> str:
        """What to open in a browser. The token is the fragment, which browsers neither send nor log."""
        return f"http://{HOST}:{self.port}/#{self.token}"

    def run(self) -> None:
        """Serve until `end` is called, or a signal comes, whose former handler is then called."""
        try:
            self._server.run([self._socket])
        finally:
            self._socket.close()

    def end(self) -> None:
        """End `run` once the responses that are under way are sent. From any thread."""
        self._server.should_exit = True


def build_app(page: Page, token: str, end: Callable[[], None]) -> Starlette:
    """The page as an ASGI application behind its guard. Our errors are answered as `{"error": message}`."""

    def html(_: Request) -> Response:
        return FileResponse(_STATIC / page.html)

    return Starlette(
        routes=[Route("/", html), Mount("/static", StaticFiles(directory=_STATIC)), *page.routes(end)],
        middleware=[Middleware(Guard, token=token)],
        exception_handlers={
            BlindsightError: _refused,
            msgspec.MsgspecError: _refused,
            HTTPException: _http_error,
            OSError: _failed,
        },
    )


def _refused(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 422)


def _failed(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": getattr(error, "strerror", None) or str(error)}, 500)


def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)
