"""A request and its answer have bounds, in bytes and in seconds."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import httpx
import pytest
from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.testclient import TestClient
from starlette.types import Message

from tests.unit.web.conftest import BASE
from web import bounds
from web.access.access import Access
from web.bounds import MOST_BODY, read_body
from web.errors import ProblemError
from web.guard import MOST_ADDRESS


def test_an_address_has_a_bound(viewer: TestClient) -> None:
    assert viewer.get(f"/api/v1/labels?x={'a' * (MOST_ADDRESS - 100)}").status_code == 200
    assert viewer.get(f"/api/v1/labels?x={'a' * MOST_ADDRESS}").status_code == 414


def test_a_null_character_is_in_no_address(viewer: TestClient) -> None:
    assert viewer.get("/api/v1/devices/a%00b").status_code == 404


def test_a_body_has_a_bound_whether_it_says_its_length_or_not(keeper: TestClient) -> None:
    def chunks():  # type: ignore[no-untyped-def]
        for _ in range(MOST_BODY // 1000 + 2):
            yield b"x" * 1000

    path = "/api/v1/devices/garage/dead-letters/retry"
    for content in (b"x" * (MOST_BODY + 1), chunks()):
        assert keeper.post(path, content=content).status_code == 413
    for length in ("1e3", "-1", "9" * 5000, "\xb2"):
        assert keeper.post(path, content=b"{}", headers={"Content-Length": length.encode("latin-1")}).status_code in (
            400,
            413,
        )


async def no_more() -> Message:
    await asyncio.sleep(60)
    return {"type": "http.disconnect"}


def test_a_body_has_to_come_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "BODY_SECONDS", 0.05)
    with pytest.raises(ProblemError) as raised:
        asyncio.run(read_body(no_more, Headers({"content-length": "10"})))
    assert raised.value.status == 408


def ask(app: FastAPI, path: str, headers: dict[str, str]) -> httpx.Response:
    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client:
            return await client.get(path, headers=headers)

    return asyncio.run(asked())


@pytest.fixture
def token(access: Access) -> dict[str, str]:
    return {"Authorization": f"Bearer {access.tokens.make('viewer', 'script', ['read'])[1]}"}


def test_an_answer_has_to_begin_in_time(app: FastAPI, token: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "BEGIN_SECONDS", 0.05)

    @app.get("/api/slow")
    async def slow() -> None:
        await asyncio.sleep(60)

    answer = ask(app, "/api/slow", token)
    assert answer.status_code == 503 and "no answer within" in answer.json()["detail"]


def test_the_application_itself_may_live_longer(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "BEGIN_SECONDS", 0.01)
    with TestClient(app, BASE):
        time.sleep(0.1)


async def _slowly(send: Callable[[Message], Awaitable[None]]) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await asyncio.sleep(60)


def test_an_answer_has_to_end_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "BEGIN_SECONDS", 0.05)
    monkeypatch.setattr(bounds, "END_SECONDS", 0.1)
    monkeypatch.setattr(bounds, "END_SECONDS_OF_STRANGERS", 0.1)

    async def send(message: Message) -> None:
        pass

    app = bounds.InTime(lambda scope, receive, send: _slowly(send))
    with pytest.raises(ConnectionAbortedError):
        asyncio.run(app({"type": "http"}, no_more, send))
