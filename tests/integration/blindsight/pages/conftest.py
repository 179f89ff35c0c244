"""A real browser: Debian's Chromium, driven by Playwright. Where either is missing, its tests are skipped."""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from blindsight.pages.server import Page as ServedPage
from blindsight.pages.server import PageServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

#: Opens a served page in the browser; options are those of Playwright's contexts, such as the viewport.
Open = Callable[..., AbstractContextManager["Page"]]


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright isn't installed")
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("Chromium isn't installed")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield opened
        opened.close()


@pytest.fixture
def show(browser: "Browser") -> Open:
    """Serves a page, and opens it. At the end nothing may have gone wrong in the browser."""

    @contextmanager
    def shown(served: ServedPage, **options: Any) -> "Iterator[Page]":
        server = PageServer(served)
        thread = threading.Thread(target=server.run)
        thread.start()
        context = browser.new_context(**options)
        page = context.new_page()
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: message.type in ("error", "warning") and wrong.append(message.text))
        try:
            page.goto(server.address)
            yield page
            assert wrong == []
        finally:
            context.close()
            server.end()
            thread.join()

    return shown


def is_too_wide(page: "Page") -> bool:
    """Whether the page scrolls sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def lightness(page: "Page") -> float:
    """How light the page's background is, from 0 to 1."""
    colour: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(int(each) for each in colour.removeprefix("rgb(").removesuffix(")").split(",")) / (3 * 255)
