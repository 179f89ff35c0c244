"""An application with all its pages, on a socket, and a browser that notes what goes wrong on them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("playwright.sync_api", reason="Playwright isn't installed")
pytest.importorskip("fastapi", reason="FastAPI isn't installed")
pytest.importorskip("jinja2", reason="Jinja2 isn't installed")
pytest.importorskip("argon2", reason="argon2-cffi isn't installed")
from argon2 import PasswordHasher
from playwright.sync_api import expect

from tests.web_site import MemorySite
from web.access.access import Access
from web.access.viewer import Role
from web.application import build_app
from web.pages.html_pages import HtmlPages
from web.server import WebServer

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Page, Request

#: Milliseconds that a browser has for anything: a machine may be busy.
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)
NAME, PASSWORD = "anna", "correct horse battery"
#: A hash that is quick, since nobody guesses here.
QUICK_HASHER = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


@dataclass
class Served:
    """A site that is served. `wrong` is what went wrong in the browser, `foreign` whom it asked besides."""

    site: MemorySite
    access: Access
    server: WebServer
    wrong: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    @property
    def base(self) -> str:
        """The address, without a path."""
        return f"http://127.0.0.1:{self.server.port}"

    def end(self) -> None:
        """As if the program had ended."""
        self.server.end()

    def begin_again(self) -> None:
        """As if it had been started again, at the same port."""
        self.server = _started(self.site, self.access, self.server.port)


#: Serves a site and opens a page of it as an account; further options are those of Playwright's contexts.
Visit = Callable[..., AbstractContextManager["tuple[Page, Served]"]]


def serve_site(site: MemorySite, folder: Path, role: Role = "keeper", *, first: bool = False) -> Served:
    """Serve a site. Its folder has an account, unless it is at its first start."""
    access = Access(folder)
    if not first:
        access.accounts.add(NAME, PASSWORD, role)
    return Served(site, access, _started(site, access))


def watch(page: "Page", served: Served) -> None:
    """Note what goes wrong on a page, and each request that isn't to the site."""
    page.set_default_timeout(PATIENCE_MS)
    page.on("pageerror", lambda error: served.wrong.append(str(error)))

    def hear(said: "ConsoleMessage") -> None:
        if said.type in ("error", "warning"):
            served.wrong.append(said.text)

    def note(asked: "Request") -> None:
        if not asked.url.startswith((served.base, f"blob:{served.base}")):
            served.foreign.append(asked.url)

    page.on("console", hear)
    page.on("request", note)


def _started(site: MemorySite, access: Access, port: int = 0) -> WebServer:
    server = WebServer(build_app(site, access, pages=HtmlPages()), port=port)
    server.start()
    return server
