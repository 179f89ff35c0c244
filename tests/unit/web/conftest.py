"""An application on a site in memory, and clients of whoever may ask it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import pytest

# The extra `web` may be missing; then there is nothing to test.
collect_ignore_glob = [] if find_spec("fastapi") and find_spec("argon2") else ["*"]

if not collect_ignore_glob:
    from argon2 import PasswordHasher
    from fastapi import FastAPI
    from starlette.testclient import TestClient

    from tests.web_site import MemorySite
    from web.access.access import Access
    from web.application import build_app

    #: Hashes that take no time.
    QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "correct horse battery"
BASE = "http://127.0.0.1:8443"
#: What the viewer may see who doesn't see all.
SEEN = ("garage", "hall")


@pytest.fixture
def access(tmp_path: Path) -> "Access":
    """Three accounts: a keeper, a viewer, and one who sees two devices."""
    made = Access(tmp_path / "web", QUICK)
    made.accounts.add("keeper", PASSWORD, "keeper")
    made.accounts.add("viewer", PASSWORD, "viewer")
    made.accounts.add("guest", PASSWORD, "viewer", SEEN)
    return made


@pytest.fixture
def site() -> "MemorySite":
    return MemorySite(labels=450)


@pytest.fixture
def app(site: "MemorySite", access: "Access") -> "FastAPI":
    return build_app(site, access, ["cameras.example"])


@pytest.fixture
def stranger(app: "FastAPI") -> "TestClient":
    """Nobody who is logged in."""
    return TestClient(app, BASE, follow_redirects=False)


@pytest.fixture
def as_(app: "FastAPI") -> "Iterator[Callable[[str], TestClient]]":
    """A client that is logged in, and sends its CSRF token."""
    opened = ExitStack()

    def log_in(name: str) -> TestClient:
        client = opened.enter_context(TestClient(app, BASE, follow_redirects=False))
        answer = client.post("/api/v1/session", json={"name": name, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        client.headers["X-CSRF-Token"] = answer.json()["csrf"]
        return client

    with opened:
        yield log_in


@pytest.fixture
def keeper(as_: "Callable[[str], TestClient]") -> "TestClient":
    return as_("keeper")


@pytest.fixture
def viewer(as_: "Callable[[str], TestClient]") -> "TestClient":
    return as_("viewer")


@pytest.fixture
def guest(as_: "Callable[[str], TestClient]") -> "TestClient":
    """Who may see two devices."""
    return as_("guest")
