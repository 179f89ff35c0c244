"""Nobody gets in: each rule of the guard has a test that fails without it."""

from collections.abc import Callable

import pytest
from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse, Response
from starlette.testclient import TestClient

from tests.unit.web.conftest import BASE, PASSWORD
from web.access.access import Access
from web.api.document import document
from web.guard import PUBLIC


def paths(app: FastAPI) -> list[tuple[str, str]]:
    """Every route with its method, so that a new one is tested without being named here."""
    named = [(method.upper(), path) for path, methods in document(app)["paths"].items() for method in methods]
    filled = [(method, path.format(device="hall", party="device", token="0" * 12)) for method, path in named]
    return [*filled, ("GET", "/api/v1/docs"), ("GET", "/api/v1/openapi.json")]


def test_without_a_session_or_token_no_route_answers(app: FastAPI, stranger: TestClient) -> None:
    asked = paths(app)
    assert len(asked) > 25
    for method, path in asked:
        if path not in PUBLIC:
            answer = stranger.request(method, path)
            assert answer.status_code == 401, path
            assert answer.headers["content-type"] == "application/problem+json"
            assert "hall" not in answer.text and "label" not in answer.text


def test_what_is_public_is_the_way_in_and_how_pages_look(stranger: TestClient) -> None:
    for path in ("/static/style.css", "/login", "/first", "/favicon.ico"):
        assert stranger.get(path).status_code == 404  # there are no pages in these tests
    assert stranger.get("/api/v1/session").status_code == 401
    assert stranger.get("/static/../api/v1/labels").status_code in (401, 404)


@pytest.mark.parametrize("path", ["/", "/devices/hall?label=a%26b", "//evil.example/x", "/static", "/loginx"])
def test_a_browser_is_led_to_the_login_page(stranger: TestClient, path: str) -> None:
    answer = stranger.get(f"{BASE}{path}")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login")
    assert answer.headers["location"].partition("?next=")[2].count("?") == 0


@pytest.mark.parametrize("path", ["//evil.example", "/%5Cevil.example", "/%09/evil.example", "/.//evil.example"])
def test_nobody_is_led_to_another_site(stranger: TestClient, path: str) -> None:
    assert stranger.get(f"{BASE}{path}").headers["location"] == "/login"


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Basic a2VlcGVyOmE=",
        "bearer blindsight_000000000000_" + "A" * 43,
        "Bearer \xff",
    ],
)
def test_a_wrong_token_is_nobody_also_with_a_session(viewer: TestClient, authorization: str) -> None:
    for path in ("/api/v1/labels", "/api/v1/docs"):  # of which the latter doesn't ask who it is
        answer = viewer.get(path, headers={"Authorization": authorization.encode("latin-1")})
        assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"


def test_a_token_that_is_revoked_is_nobody(access: Access, stranger: TestClient) -> None:
    token, text = access.tokens.make("viewer", "script", ["read"])
    headers = {"Authorization": f"Bearer {text}"}
    assert stranger.get("/api/v1/labels", headers=headers).status_code == 200
    access.tokens.revoke("viewer", token.id)
    assert stranger.get("/api/v1/labels", headers=headers).status_code == 401


def test_a_cookie_of_another_name_or_port_is_nobody(viewer: TestClient, stranger: TestClient) -> None:
    (name, value) = next((name, value) for name, value in viewer.cookies.items() if "session" in name)
    assert name == "blindsight-session-8443"
    for sent, status in ((name, 200), ("blindsight-session-1", 401), ("__Host-" + name, 401)):
        assert stranger.get("/api/v1/labels", headers={"Cookie": f"{sent}={value}"}).status_code == status


def test_cookies_are_for_this_host_and_no_script(stranger: TestClient, app: FastAPI) -> None:
    given = {"name": "viewer", "password": PASSWORD}
    for cookie in stranger.post("/api/v1/session", json=given).headers.get_list("set-cookie"):
        assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Path=/" in cookie and "Domain" not in cookie
        assert "Secure" not in cookie
    secure = TestClient(app, "https://cameras.example:8443")
    for cookie in secure.post("/api/v1/session", json=given).headers.get_list("set-cookie"):
        assert (
            cookie.startswith("__Host-") and "Secure" in cookie and "HttpOnly" in cookie and "SameSite=strict" in cookie
        )


CHANGING = [
    ("POST", "/api/v1/devices/garage/dead-letters/retry", {"jobs": ["a"]}),
    ("POST", "/api/v1/devices/garage/dead-letters/drop", {"jobs": ["a"]}),
    ("POST", "/api/v1/devices/garage/dead-letters/export", {"jobs": ["a"]}),
    ("POST", "/api/v1/tokens", {"name": "script", "scopes": ["read"]}),
    ("DELETE", "/api/v1/session", None),
]


@pytest.mark.parametrize(("method", "path", "body"), CHANGING, ids=lambda each: str(each)[-20:])
def test_whatever_changes_something_needs_the_csrf_token_of_its_session(
    as_: Callable[[str], TestClient], method: str, path: str, body: object
) -> None:
    keeper, another = as_("keeper"), as_("keeper")
    for token in (None, "", "wrong", another.headers["X-CSRF-Token"], "\xe9"):
        headers = {} if token is None else {"X-CSRF-Token": token.encode("latin-1")}
        del keeper.headers["X-CSRF-Token"]
        answer = keeper.request(method, path, json=body, headers=headers)
        assert answer.status_code == 403 and "CSRF" in answer.json()["detail"]
        keeper.headers["X-CSRF-Token"] = ""
    keeper.headers["X-CSRF-Token"] = keeper.get("/api/v1/session").json()["csrf"]
    assert keeper.request(method, path, json=body).status_code in (200, 201, 204)


def test_a_form_has_the_csrf_token_as_a_field(app: FastAPI, keeper: TestClient) -> None:
    @app.post("/form")
    async def form(request: Request) -> Response:
        return PlainTextResponse(await request.body())

    token = keeper.headers.pop("X-CSRF-Token")
    assert keeper.post("/form", data={"a": "1"}).status_code == 403
    assert keeper.post("/form", data={"a": "1", "csrf": "wrong"}).status_code == 403
    assert keeper.post("/form", data={"csrf": ["wrong", token]}).status_code == 403
    answer = keeper.post("/form", data={"a": "1", "csrf": token})
    assert answer.status_code == 200 and answer.text.startswith("a=1&csrf=")  # and the route still gets the body
    assert keeper.post("/form", content=f"csrf={token}", headers={"Content-Type": "text/plain"}).status_code == 403
    assert keeper.post("/form", data={f"f{number}": "" for number in range(999)} | {"csrf": token}).status_code == 403


def test_who_is_logged_in_may_log_in_anew_which_ends_the_session_before(keeper: TestClient) -> None:
    """Without a CSRF token, which the login page hasn't got; other websites are refused by their origin."""
    del keeper.headers["X-CSRF-Token"]
    before = cookies(keeper)
    assert keeper.post("/api/v1/session", json={"name": "viewer", "password": PASSWORD}).json()["name"] == "viewer"
    assert keeper.get("/api/v1/session").json()["name"] == "viewer"
    keeper.cookies.clear()
    assert keeper.get("/api/v1/session", headers={"Cookie": before}).status_code == 401


def test_a_token_needs_no_csrf_token(access: Access, stranger: TestClient) -> None:
    """No other website can have a browser send it."""
    _, text = access.tokens.make("keeper", "script", ["keep"])
    answer = stranger.post(
        "/api/v1/devices/garage/dead-letters/retry", json={"jobs": ["a"]}, headers={"Authorization": f"Bearer {text}"}
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8443", "", "[::1", "a b"]
)
def test_a_name_that_is_not_ours_is_refused(viewer: TestClient, host: str) -> None:
    """As a website has it that points its own name at this machine, to read what is here as its own (DNS rebinding)."""
    for path in ("/api/v1/labels", "/login"):
        assert viewer.get(path, headers={"Host": host}).status_code == 421


@pytest.mark.parametrize(
    "host", ["localhost:1", "127.0.0.1", "[::1]:8443", "192.168.1.7:8443", "Cameras.Example", "cameras.example:9"]
)
def test_loopback_addresses_and_given_names_are_ours(viewer: TestClient, host: str) -> None:
    assert viewer.get("/api/v1/site", headers={"Host": host, "Cookie": cookies(viewer)}).status_code == 200


def cookies(client: TestClient) -> str:
    return "; ".join(f"{name}={value}" for name, value in client.cookies.items())


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "https://127.0.0.1:8443"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_website_is_refused(keeper: TestClient, headers: dict[str, str]) -> None:
    assert keeper.get("/api/v1/labels", headers=headers).status_code == 403
    assert (
        keeper.post("/api/v1/session", json={"name": "viewer", "password": PASSWORD}, headers=headers).status_code
        == 403
    )


def test_a_link_from_elsewhere_may_be_followed(stranger: TestClient) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert stranger.get("/", headers=link).status_code == 303
    assert stranger.post("/", headers=link).status_code == 403
    assert stranger.get("/", headers=link | {"Sec-Fetch-Dest": "iframe"}).status_code == 403


@pytest.mark.parametrize("path", ["/api/v1/labels", "/api/v1/nothing", "/nothing", "/login"])
def test_every_answer_has_the_headers(viewer: TestClient, stranger: TestClient, path: str) -> None:
    for client in (viewer, stranger):
        headers = client.get(path).headers
        policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
        assert policy.pop("default-src") == policy.pop("frame-ancestors") == policy.pop("base-uri") == "'none'"
        assert set(policy.values()) == {"'self'"}
        assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store" and headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == headers["cross-origin-opener-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers and "strict-transport-security" not in headers
        assert "server" not in headers and "x-powered-by" not in headers


def test_with_tls_browsers_come_back_with_tls(app: FastAPI) -> None:
    assert "max-age" in TestClient(app, "https://localhost").get("/login").headers["strict-transport-security"]


def test_a_method_is_unknown_even_to_a_route_that_would_take_it(app: FastAPI, keeper: TestClient) -> None:
    app.add_api_route("/api/put", lambda: None, methods=["PUT"])
    assert keeper.put("/api/put").status_code == 405


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"])
def test_other_methods_are_unknown(keeper: TestClient, method: str) -> None:
    answer = keeper.request(method, "/api/v1/labels")
    assert answer.status_code == 405 and "GET" in answer.headers["allow"]


def test_head_is_get_without_a_body(viewer: TestClient) -> None:
    answer = viewer.head("/api/v1/site")
    assert answer.status_code == 200 and answer.content == b"" and int(answer.headers["content-length"]) > 10


def test_what_goes_wrong_here_is_told_without_its_text(app: FastAPI, viewer: TestClient) -> None:
    @app.get("/api/wrong")
    def wrong() -> None:
        raise RuntimeError("the passphrase is swordfish")

    answer = viewer.get("/api/wrong")
    assert answer.status_code == 500 and "swordfish" not in answer.text
    assert answer.json()["title"] == "Internal Server Error" and "content-security-policy" in answer.headers
