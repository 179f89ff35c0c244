"""Whoever guesses passwords is slow, and keeps nobody else out."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from web.access import guessing as module
from web.access.guessing import MOST_WAIT, Guessing, browser_source, known_browser, source_of


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guessing(clock: Clock) -> Guessing:
    return Guessing(clock)


def hammer(guessing: Guessing, clock: Clock, source: str, seconds: float, account: str = "owner") -> int:
    """Try as often as one is let, for some time; how often that was."""
    tries, end = 0, clock.now + seconds
    while clock.now < end:
        refused = guessing.refused(source)
        if not refused:
            tries += 1
            guessing.wait(account)
        clock.now += max(refused, 0.01)
    return tries


def test_a_few_mistakes_cost_nothing(guessing: Guessing) -> None:
    assert [guessing.refused("address 1") for _ in range(5)] == [0.0] * 5
    assert [guessing.wait("owner") for _ in range(10)] == [0.0] * 10


def test_an_address_gets_slower_with_each_failure(guessing: Guessing, clock: Clock) -> None:
    delays = []
    for _ in range(14):
        assert guessing.refused("address 1") == 0
        delays.append(guessing._sources["address 1"].until - clock.now)
        clock.now += delays[-1]
    assert delays == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]


def test_tries_at_the_same_time_count_before_they_are_answered(guessing: Guessing) -> None:
    assert sum(not guessing.refused("address 1") for _ in range(100)) == 5


def test_a_day_of_guessing_from_an_address_is_hardly_two_thousand_tries(guessing: Guessing, clock: Clock) -> None:
    assert hammer(guessing, clock, "address 1", 86_400) < 1600


def test_the_right_password_wipes_the_slate_of_its_source(guessing: Guessing, clock: Clock) -> None:
    hammer(guessing, clock, "address 1", 100)
    guessing.succeeded("address 1")
    assert guessing.refused("address 1") == 0


def test_failures_are_forgotten_after_a_while(guessing: Guessing, clock: Clock) -> None:
    hammer(guessing, clock, "address 1", 600)
    clock.now += 901
    assert [guessing.refused("address 1") for _ in range(5)] == [0.0] * 5
    assert guessing.wait("owner") == 0


def test_the_owner_gets_in_from_elsewhere_while_others_hammer(guessing: Guessing, clock: Clock) -> None:
    """Nobody is refused for the account's sake: it only takes some seconds."""
    for number in range(300):
        hammer(guessing, clock, f"address 10.0.{number}", 1)
    assert guessing.refused("address of the owner") == 0
    assert guessing.wait("owner") == MOST_WAIT <= 5


def test_a_known_browser_gets_in_from_the_very_address_that_hammers(guessing: Guessing, clock: Clock) -> None:
    known = known_browser(b"key", "owner")
    hammer(guessing, clock, "address 1", 3600)
    source = browser_source(b"key", "owner", known)
    assert source is not None and guessing.refused(source) == 0


def test_a_known_browser_is_held_back_by_its_own_failures(guessing: Guessing, clock: Clock) -> None:
    source = browser_source(b"key", "owner", known_browser(b"key", "owner"))
    assert source is not None
    assert hammer(guessing, clock, source, 86_400) < 1600


def test_a_browser_is_known_to_the_account_that_it_logged_in_to() -> None:
    known = known_browser(b"key", "owner")
    assert browser_source(b"key", "guest", known) is None
    assert browser_source(b"another key", "owner", known) is None
    assert browser_source(b"key", "owner", known[:-1]) is None
    assert browser_source(b"key", "owner", "") is None


@settings(max_examples=40)
@given(st.text(), st.text())
def test_nobody_makes_up_a_known_browser(account: str, text: str) -> None:
    assert browser_source(b"key", account, text) is None


def test_accounts_that_exist_and_others_wait_alike(guessing: Guessing) -> None:
    waits = {name: [guessing.wait(name) for _ in range(20)] for name in ("owner", "nobody")}
    assert waits["owner"] == waits["nobody"]


def test_memory_has_a_bound_whoever_comes(guessing: Guessing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_SOURCES", 50)
    for number in range(500):
        guessing.refused(f"address {number}")
        guessing.wait(f"account {number}" * 1000)
    assert len(guessing._sources) == 50 and len(guessing._accounts) == 256


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff", True),  # one customer has them all
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("fe80::1%eth0", "fe80::1", True),
        ("testclient", "", True),
    ],
)
def test_what_counts_as_an_address(one: str, other: str, same: bool) -> None:
    assert (source_of(one) == source_of(other)) is same
