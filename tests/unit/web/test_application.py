"""Problems are JSON for programs and pages for people, and nothing of what was sent comes back in them."""

import pytest
import structlog
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import HTMLResponse, Response
from starlette.testclient import TestClient

from common.errors import RecordError
from tests.unit.web.conftest import BASE, PASSWORD, QUICK
from tests.web_site import MemorySite
from web.access.access import Access
from web.application import build_app


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/nothing", 404),
        ("/api/v1/devices/nobody", 404),
        ("/api/v1/labels?limit=0", 422),
        ("/api/v1/labels?cursor=x", 400),
        ("/api/v1/tokens/xyz", 405),
    ],
)
def test_a_problem_is_that_of_rfc_9457(viewer: TestClient, path: str, status: int) -> None:
    answer = viewer.get(path)
    assert answer.status_code == status and answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == status and told["type"] == "about:blank" and told["title"] and told["detail"]


def test_wrong_fields_are_named_and_not_repeated(stranger: TestClient) -> None:
    answer = stranger.post(
        "/api/v1/session", json={"name": ["swordfish"], "password": PASSWORD * 100, "x": "swordfish"}
    )
    assert answer.status_code == 422
    assert {each["field"] for each in answer.json()["errors"]} == {"body.name", "body.password", "body.x"}
    assert PASSWORD not in answer.text and "swordfish" not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[" * 60_000,
        b"\xff",
        b'"\\ud800"',
        b'{"name": "\\ud800", "password": "\\ud800"}',
        b"null",
        b"NaN",
        b"1e999",
    ],
)
def test_a_body_that_is_no_request_is_told_so(stranger: TestClient, body: bytes) -> None:
    answer = stranger.post("/api/v1/session", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 401, 422) and answer.json()["detail"]


def test_what_a_site_can_not_do_is_for_the_log(site: MemorySite, viewer: TestClient) -> None:
    """Its text may name files, such as the folder of keys."""
    site.fail = RecordError("the record /secret/labels.sqlite is damaged")
    for path in ("/api/v1/labels", "/api/v1/exports/labels"):
        answer = viewer.get(path)
        assert answer.status_code == 503 and "secret" not in answer.text and answer.headers["retry-after"]


class Pages:
    def __init__(self) -> None:
        self.router = APIRouter()

        @self.router.get("/")
        def now() -> Response:
            return HTMLResponse("now")

    def problem(self, request: Request, status: int, detail: str) -> Response:
        return HTMLResponse(f"page of {status}: {detail}", status)


def test_elsewhere_a_problem_is_a_page(access: Access, site: MemorySite) -> None:
    client = TestClient(build_app(site, access, pages=Pages()), BASE, follow_redirects=False)
    assert client.get("/").headers["location"] == "/login"
    client.post("/api/v1/session", json={"name": "viewer", "password": PASSWORD})
    assert client.get("/").text == "now"
    answer = client.get("/nothing")
    assert answer.status_code == 404 and answer.text.startswith("page of 404")
    assert client.post("/").text.startswith("page of 403")  # without its CSRF token


def test_at_the_first_start_a_browser_is_led_to_the_page_that_makes_an_account(site: MemorySite, tmp_path) -> None:  # type: ignore[no-untyped-def]
    access = Access(tmp_path / "empty", QUICK)
    client = TestClient(build_app(site, access), BASE, follow_redirects=False)
    assert client.get("/").headers["location"] == "/first"
    given = {"token": "wrong", "name": "ada", "password": PASSWORD}
    assert client.post("/api/v1/first", json=given).status_code == 401
    given["token"] = access.first.token
    assert client.post("/api/v1/first", json=given | {"password": "short"}).status_code == 422
    assert client.post("/api/v1/first", json=given).json()["role"] == "keeper"
    assert client.get("/api/v1/labels").status_code == 200
    assert client.post("/api/v1/first", json=given).status_code in (401, 403)


def test_the_application_does_not_ask_other_hosts(app: FastAPI, viewer: TestClient) -> None:
    """FastAPI's own pages of documentation would load their scripts from elsewhere."""
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert viewer.get(path).status_code == 404
    text = viewer.get("/api/v1/docs").text
    assert "<script" not in text and "http" not in text.replace("https://www.rfc", "")


def test_a_traceback_in_the_log_has_no_values(
    access: Access, stranger: TestClient, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As structlog writes them where rich is installed: one of them may be a password."""
    structlog.configure()
    try:

        def verify(name: str, password: str) -> None:
            raise RuntimeError("broken")

        monkeypatch.setattr(access.accounts, "verify", verify)
        assert stranger.post("/api/v1/session", json={"name": "keeper", "password": PASSWORD}).status_code == 500
    finally:
        structlog.reset_defaults()
    said = "".join(capsys.readouterr())
    assert "broken" in said and PASSWORD not in said
