"""Events tell that something has changed: not too often, to so many listeners, and until their session ends."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from common.errors import RecordError
from tests.unit.web.conftest import SEEN
from tests.web_site import MemorySite
from web import live as module
from web.access.access import Access
from web.access.viewer import Viewer
from web.errors import ProblemError
from web.live import LOOK_SECONDS, Live
from web.versions import Versions


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)


@pytest.fixture
def live(site: MemorySite, access: Access) -> Live:
    return Live(site, access, Versions())


def session(access: Access, name: str = "viewer") -> Viewer:
    account = access.accounts.account(name)
    assert account is not None
    return access.sessions.begin(account)[1]


async def following(events: AsyncIterator[str]) -> str:
    return await asyncio.wait_for(anext(events), 10)


def test_the_version_that_is_comes_first_and_then_each_change(live: Live, access: Access, site: MemorySite) -> None:
    async def listen() -> None:
        events = live._events(session(access))
        assert (await following(events)).startswith("retry: ")
        first = await following(events)
        assert first.startswith("event: change\nid: ") and first.endswith("\n\n")
        for _ in range(100):
            site.add_label("hall", "cat")
        assert await following(events) != first

    asyncio.run(listen())


def test_many_changes_are_one_event(live: Live, access: Access, site: MemorySite) -> None:
    async def listen() -> list[str]:
        heard = []
        async for event in live._events(session(access)):
            heard.append(event)
            if len(heard) == 2:
                for _ in range(1000):
                    site.add_label("hall", "cat")
            if len(heard) == 3:
                live.end()
        return heard

    assert len(asyncio.run(listen())) == 3


def test_at_most_two_a_second() -> None:
    assert LOOK_SECONDS >= 0.5


def test_signs_of_life_come_while_nothing_changes(live: Live, access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.02)

    async def listen() -> str:
        events = live._events(session(access))
        await following(events), await following(events)
        return await following(events)

    assert asyncio.run(listen()).startswith(": ")


@pytest.mark.parametrize("how", ["log out", "revoke", "remove", "unreadable"])
def test_events_end_with_the_session(live: Live, access: Access, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    token, text = access.tokens.make("viewer", "script", ["read"])
    viewer = access.tokens.viewer(text) if how == "revoke" else session(access)
    assert viewer is not None

    async def listen() -> list[str]:
        heard = []
        async for event in live._events(viewer):
            heard.append(event)
            if how == "log out":
                access.log_out(viewer, "")
            if how == "revoke":
                access.tokens.revoke("viewer", token.id)
            if how == "remove" and access.accounts.account("viewer"):
                access.accounts.remove("viewer")
            if how == "unreadable":
                monkeypatch.setattr(access, "again", lambda _: (_ for _ in ()).throw(RecordError("")))
        return heard

    assert asyncio.run(asyncio.wait_for(listen(), 10))[-1].startswith("event: end")


def test_who_sees_some_devices_hears_of_these(live: Live, access: Access, site: MemorySite) -> None:
    async def listen() -> list[str]:
        heard = []
        async for event in live._events(session(access, "guest")):
            heard.append(event)
            if len(heard) == 2:
                site.add_label("garden", "cat")
                await asyncio.sleep(0.1)
                site.add_label(SEEN[0], "cat")
            if len(heard) == 3:
                live.end()
        return heard

    assert len([event for event in asyncio.run(listen()) if "change" in event]) == 2


def test_there_are_so_many_listeners_and_so_many_of_one(
    live: Live, access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_LISTENERS", 5)
    monkeypatch.setattr(module, "MOST_OF_ONE", 3)
    one, two = session(access), session(access)
    streams = [live.listen(one) for _ in range(3)]
    with pytest.raises(ProblemError) as raised:
        live.listen(one)
    assert raised.value.status == 503 and "too many" in raised.value.detail
    streams += [live.listen(two) for _ in range(2)]
    with pytest.raises(ProblemError):
        live.listen(session(access))
    streams[0]._ended()
    live.listen(two)
