"""The site in a real browser: it is served, and somebody who is logged in looks at it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.blindsight.pages.conftest import browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.integration.web.serving import Served, Visit
    from tests.web_site import MemorySite

__all__ = ["browser"]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Iterator[Callable[..., Served]]":
    """Serves sites until the test's end."""
    from tests.integration.web.serving import QUICK_HASHER, serve_site

    monkeypatch.setattr("web.access.accounts.PasswordHasher", lambda: QUICK_HASHER)
    all_served: list[Served] = []

    def start(site: "MemorySite", *arguments: Any, **options: Any) -> "Served":
        all_served.append(serve_site(site, tmp_path / f"access-{len(all_served)}", *arguments, **options))
        return all_served[-1]

    yield start
    for each in all_served:
        each.end()


@pytest.fixture
def visit(browser: "Browser", serve: "Callable[..., Served]") -> "Visit":
    """At the end nothing may have gone wrong in the browser, and it has asked nobody else."""
    from tests.integration.web.serving import NAME, PASSWORD, watch

    @contextmanager
    def visited(
        site: "MemorySite", path: str = "/", role: str = "keeper", *, fails: bool = False, **options: Any
    ) -> "Iterator[tuple[Page, Served]]":
        served = serve(site, role)
        context = browser.new_context(**options)
        try:
            answer = context.request.post(f"{served.base}/api/v1/session", data={"name": NAME, "password": PASSWORD})
            assert answer.ok, answer.text()
            page = context.new_page()
            watch(page, served)
            page.goto(served.base + path)
            yield page, served
            assert served.foreign == []
            assert fails or served.wrong == []
        finally:
            context.close()

    return visited
