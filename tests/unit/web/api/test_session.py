"""Logging in: slowly for who guesses, never for long for the owner, and each time with a line in the audit log."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.unit.web.conftest import BASE, PASSWORD
from web.access.access import Access
from web.errors import ProblemError

WRONG = {"name": "keeper", "password": "a wrong password"}
RIGHT = {"name": "keeper", "password": PASSWORD}


def audited(access: Access) -> list[dict[str, Any]]:
    return [json.loads(line) for line in access.audit.path.read_text().splitlines()]


def from_(app: FastAPI, address: str) -> TestClient:
    return TestClient(app, BASE, client=(address, 50_000))


def test_an_address_that_guesses_is_told_to_wait(app: FastAPI) -> None:
    client = from_(app, "192.0.2.1")
    answers = [client.post("/api/v1/session", json=WRONG) for _ in range(8)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 3
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert client.post("/api/v1/session", json=RIGHT).status_code == 429  # or guessing would go on
    assert from_(app, "192.0.2.2").post("/api/v1/session", json=RIGHT).status_code == 200


def test_wrong_tokens_of_a_first_start_do_not_fill_the_audit_log(app: FastAPI, access: Access) -> None:
    client = from_(app, "192.0.2.1")
    given = {"token": "wrong", "name": "eve", "password": PASSWORD}
    answers = [client.post("/api/v1/first", json=given).status_code for _ in range(20)]
    assert answers == [401] * 5 + [429] * 15 and len(audited(access)) == 5


def test_a_browser_that_has_logged_in_before_gets_in_from_where_others_guess(
    app: FastAPI, as_: Callable[[str], TestClient]
) -> None:
    browser = as_("keeper")
    browser.delete("/api/v1/session")
    attacker = from_(app, "testclient")
    while attacker.post("/api/v1/session", json=WRONG).status_code != 429:
        pass
    assert browser.post("/api/v1/session", json=RIGHT).status_code == 200


def test_a_name_that_is_not_there_is_answered_alike(app: FastAPI) -> None:
    client = from_(app, "192.0.2.1")
    there, nobody = (client.post("/api/v1/session", json=WRONG | {"name": name}) for name in ("keeper", "nobody"))
    assert there.status_code == nobody.status_code == 401 and there.content == nobody.content


def test_many_tries_at_once_wait_but_the_memory_for_hashes_has_a_bound(
    access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At most two hashes of 64 MB are made at a time."""
    at_once, most = 0, 0

    def verify(name: str, password: str) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        import time

        time.sleep(0.02)
        at_once -= 1

    monkeypatch.setattr(access.accounts, "verify", verify)
    monkeypatch.setattr(access.guessing, "wait", lambda _: 0.0)

    async def guess(number: int) -> None:
        with pytest.raises(ProblemError):
            await access.log_in("keeper", "wrong", f"192.0.2.{number}")

    async def all_at_once() -> None:
        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(guess, number)

    asyncio.run(all_at_once())
    assert most == 2


def test_logins_under_way_have_a_bound(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.access.access._MOST_LOGINS", 0)
    with pytest.raises(ProblemError) as raised:
        asyncio.run(access.log_in("keeper", PASSWORD, "192.0.2.1"))
    assert raised.value.status == 429


def test_who_logs_out_is_out(viewer: TestClient) -> None:
    cookie = "; ".join(f"{name}={value}" for name, value in viewer.cookies.items())
    assert viewer.delete("/api/v1/session").status_code == 204
    assert viewer.get("/api/v1/session", headers={"Cookie": cookie}).status_code == 401


def test_logins_failures_tokens_and_changes_are_in_the_audit_log(
    app: FastAPI, access: Access, keeper: TestClient
) -> None:
    from_(app, "192.0.2.1").post("/api/v1/session", json=WRONG)
    made = keeper.post("/api/v1/tokens", json={"name": "script", "scopes": ["read"]}).json()
    keeper.delete(f"/api/v1/tokens/{made['id']}")
    for what in ("retry", "export", "drop"):
        keeper.post(f"/api/v1/devices/garage/dead-letters/{what}", json={"jobs": ["some job"]})
    keeper.get("/api/v1/exports/labels?device=hall")
    keeper.get("/api/v1/exports/readings?format=jsonl")
    keeper.delete("/api/v1/session")
    lines = audited(access)
    assert [(line["what"], line["who"]) for line in lines] == [
        ("login", "keeper"),
        ("login failed", "keeper"),
        ("new token", "keeper"),
        ("revoke token", "keeper"),
        ("retry", "keeper"),
        ("export dead letters", "keeper"),
        ("drop", "keeper"),
        ("export labels", "keeper"),
        ("export readings", "keeper"),
        ("logout", "keeper"),
    ]
    assert lines[1]["from"] == "192.0.2.1" and lines[4]["jobs"] == ["some job"] and lines[7]["device"] == "hall"


def test_no_password_or_token_is_logged(
    app: FastAPI, access: Access, keeper: TestClient, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    text = keeper.post("/api/v1/tokens", json={"name": "script", "scopes": ["read"]}).json()["token"]
    from_(app, "192.0.2.1").post("/api/v1/session", json=WRONG)
    from_(app, "192.0.2.1").get("/api/v1/labels", headers={"Authorization": f"Bearer {text}"})
    for secret in (PASSWORD, WRONG["password"], text, *keeper.cookies.values(), keeper.headers["X-CSRF-Token"]):
        assert secret not in caplog.text
        for file in (tmp_path / "web").iterdir():
            assert secret not in file.read_text()


def test_what_can_not_be_noted_is_not_done(access: Access, keeper: TestClient, site: Any) -> None:
    access.audit.path.unlink()
    access.audit.path.mkdir()
    jobs = [letter.job for letter in site.dead_letters("garage", None, 9).items]
    assert keeper.post("/api/v1/devices/garage/dead-letters/drop", json={"jobs": jobs}).status_code == 503
    assert len(site.dead_letters("garage", None, 9).items) == len(jobs) > 0
    assert keeper.post("/api/v1/tokens", json={"name": "x", "scopes": ["read"]}).status_code == 503
    assert keeper.get("/api/v1/exports/labels").status_code == 503


def test_a_token_makes_no_tokens(access: Access, stranger: TestClient) -> None:
    token, text = access.tokens.make("keeper", "script", ["keep"])
    stranger.headers["Authorization"] = f"Bearer {text}"
    assert stranger.get("/api/v1/session").json()["role"] == "keeper"
    assert stranger.post("/api/v1/tokens", json={"name": "x", "scopes": ["keep"]}).status_code == 403
    assert stranger.get("/api/v1/tokens").status_code == 403
    assert stranger.delete(f"/api/v1/tokens/{token.id}").status_code == 403


def test_tokens_are_ones_own(keeper: TestClient, viewer: TestClient) -> None:
    made = keeper.post("/api/v1/tokens", json={"name": "script", "scopes": ["keep"]}).json()
    assert made["scopes"] == ["read", "keep"]
    assert viewer.get("/api/v1/tokens").json() == []
    assert viewer.delete(f"/api/v1/tokens/{made['id']}").status_code == 404
    (shown,) = keeper.get("/api/v1/tokens").json()
    assert shown["id"] == made["id"] and "token" not in shown and "sha256" not in shown
    assert viewer.post("/api/v1/tokens", json={"name": "x", "scopes": ["keep"]}).status_code == 422
