"""A page answers the browser of whoever was given its address, and nobody else."""

from collections.abc import Callable, Iterator, Sequence

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from tests.unit.blindsight.pages.conftest import Ask


class Secret:
    """A page with one secret, which it says and takes."""

    html = "label.html"

    def routes(self, end: Callable[[], None]) -> Sequence[Route]:
        async def say(request: Request) -> Response:
            return PlainTextResponse(b"secret" + await request.body())

        return [Route("/api/secret", say, methods=["GET", "POST"])]


@pytest.fixture
def client(ask: Ask) -> Iterator[TestClient]:
    with ask(Secret()) as opened:
        yield opened


def test_who_has_the_token_is_answered(client: TestClient) -> None:
    assert client.get("/api/secret").text == "secret"


@pytest.mark.parametrize("token", ["", "Bearer ", "Bearer the-toke", "Bearer the-token ", "the-token", "Bearer ä"])
def test_nobody_is_answered_without_the_token(client: TestClient, token: str) -> None:
    answer = client.get("/api/secret", headers={"Authorization": token.encode()})
    assert answer.status_code == 403 and "token" in answer.json()["error"]


@pytest.mark.parametrize("path", ["/api/secret", "/api/", "/api/nothing", "/nothing", "/statics", "/%61pi/secret"])
def test_everything_but_the_page_itself_needs_the_token(client: TestClient, path: str) -> None:
    del client.headers["Authorization"]
    assert client.get(path).status_code == 403
    assert client.get("/").status_code == client.get("/static/page.js").status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8000", "192.168.1.2", "", "[::1]"]
)
def test_a_name_that_points_at_loopback_is_refused(client: TestClient, host: str) -> None:
    """As a website has it that points its own name at 127.0.0.1, to read what is there as its own (DNS rebinding)."""
    for path in ("/", "/api/secret"):
        answer = client.get(path, headers={"Host": host})
        assert answer.status_code == 421 and "secret" not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "127.0.0.1:9000", "localhost"])
def test_another_port_is_no_other_host(client: TestClient, host: str) -> None:
    """Since `ssh -L 9000:127.0.0.1:8000` brings a page to another port."""
    assert client.get("/api/secret", headers={"Host": host}).text == "secret"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_website_is_refused_even_with_the_token(client: TestClient, headers: dict[str, str]) -> None:
    for answer in (client.get("/api/secret", headers=headers), client.post("/api/secret", headers=headers)):
        assert answer.status_code == 403 and "another website" in answer.json()["error"]


def test_the_page_itself_is_no_other_website(client: TestClient) -> None:
    own = {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/api/secret", headers=own, content="?").text == "secret?"


def test_a_large_body_or_one_of_unknown_length_is_not_read(client: TestClient) -> None:
    assert client.post("/api/secret", content=b"x" * (1 << 20)).status_code == 200
    assert client.post("/api/secret", content=b"x" * ((1 << 20) + 1)).status_code == 413
    assert client.post("/api/secret", content=iter([b"x"])).status_code == 411
    both = {"Content-Length": "1", "Transfer-Encoding": "chunked"}  # of which the second holds
    assert client.post("/api/secret", headers=both, content=b"x").status_code == 411


@pytest.mark.parametrize("path", ["/", "/static/page.js", "/api/secret", "/nothing"])
def test_every_response_keeps_scripts_from_elsewhere_out(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    rules = dict(rule.split(" ", 1) for rule in headers["Content-Security-Policy"].split("; "))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    "name", ["../server.py", "..%2fserver.py", "%2e%2e/server.py", "/etc/passwd", "../../../pyproject.toml"]
)
def test_no_path_leads_out_of_the_static_files(client: TestClient, name: str) -> None:
    assert client.get(f"/static/{name}").status_code in (403, 404)
