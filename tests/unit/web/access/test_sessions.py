"""Sessions end: when they aren't used, when they are old, and with their account or its password."""

import pytest

from tests.unit.web.conftest import PASSWORD
from web.access import sessions as module
from web.access.access import Access
from web.access.sessions import IDLE_SECONDS, MOST_SECONDS, Sessions, is_csrf
from web.access.viewer import Viewer


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(access: Access, clock: Clock) -> Sessions:
    return Sessions(access.accounts, clock)


def begin(access: Access, sessions: Sessions, name: str = "viewer") -> tuple[str, Viewer]:
    account = access.accounts.account(name)
    assert account is not None
    return sessions.begin(account)


def test_a_session_is_known_by_its_cookie(access: Access, sessions: Sessions) -> None:
    cookie, viewer = begin(access, sessions, "guest")
    assert sessions.viewer(cookie) == viewer
    assert viewer.name == "guest" and viewer.devices == {"garage", "hall"} and not viewer.may_keep
    assert sessions.viewer(cookie[:-1]) is None and sessions.viewer("") is None


def test_cookies_are_256_random_bits_and_not_what_is_kept(access: Access, sessions: Sessions) -> None:
    made = [begin(access, sessions)[0] for _ in range(20)]
    assert len(set(made)) == 20 and all(len(cookie) >= 43 for cookie in made)
    assert not any(cookie in sessions._sessions for cookie in made)


def test_a_session_that_is_not_used_ends(access: Access, sessions: Sessions, clock: Clock) -> None:
    cookie, _ = begin(access, sessions)
    clock.now += IDLE_SECONDS
    assert sessions.viewer(cookie) is not None
    clock.now += IDLE_SECONDS + 1
    assert sessions.viewer(cookie) is None


def test_a_session_ends_however_much_it_is_used(access: Access, sessions: Sessions, clock: Clock) -> None:
    cookie, _ = begin(access, sessions)
    began = clock.now
    while clock.now + 3600 <= began + MOST_SECONDS:
        clock.now += 3600
        assert sessions.viewer(cookie) is not None
    clock.now = began + MOST_SECONDS + 1
    assert sessions.viewer(cookie) is None


def test_to_be_looked_at_is_no_use(access: Access, sessions: Sessions, clock: Clock) -> None:
    """A stream of events asks whether its session is still there, and must not keep it."""
    cookie, viewer = begin(access, sessions)
    assert viewer.session is not None
    clock.now += IDLE_SECONDS
    assert sessions.again(viewer.session) is not None
    clock.now += 1
    assert sessions.again(viewer.session) is None and sessions.viewer(cookie) is None


def test_another_password_or_no_account_ends_its_sessions(access: Access, sessions: Sessions) -> None:
    first, _ = begin(access, sessions, "viewer")
    second, _ = begin(access, sessions, "guest")
    access.accounts.set_password("viewer", PASSWORD + " again")
    access.accounts.remove("guest")
    assert sessions.viewer(first) is None and sessions.viewer(second) is None


def test_who_logs_out_is_out(access: Access, sessions: Sessions) -> None:
    cookie, viewer = begin(access, sessions)
    assert viewer.session is not None
    sessions.end(viewer.session)
    assert sessions.viewer(cookie) is None


def test_there_are_so_many_of_an_account_and_so_many_in_all(
    access: Access, sessions: Sessions, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_OF_ACCOUNT", 3)
    monkeypatch.setattr(module, "_MOST", 4)
    cookies = []
    for name in ("guest", "viewer", "viewer", "viewer", "viewer", "keeper"):
        clock.now += 1
        cookies.append(begin(access, sessions, name)[0])
    assert [sessions.viewer(cookie) is not None for cookie in cookies] == [False, False, True, True, True, True]


def test_a_csrf_token_is_of_one_session(access: Access, sessions: Sessions) -> None:
    (_, first), (_, second) = begin(access, sessions), begin(access, sessions)
    assert is_csrf(first, first.csrf) and not is_csrf(first, second.csrf)
    assert not is_csrf(first, "") and not is_csrf(Viewer("token", "keeper"), "")
