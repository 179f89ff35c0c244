"""Pages as a browser asks for them: with the token, from loopback."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from blindsight.pages.server import Page, build_app

TOKEN = "the-token"
Ask = Callable[[Page], TestClient]


@pytest.fixture
def ask() -> Ask:
    """A client of a page, which carries its token. What the page does at its end is noted in `app.state.ended`."""

    def open_page(page: Page) -> TestClient:
        def end() -> None:
            app.state.ended = True

        app = build_app(page, TOKEN, end)
        app.state.ended = False
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return TestClient(app, "http://127.0.0.1:8000", headers=headers, raise_server_exceptions=False)

    return open_page
