"""The first start: on loopback, with the token that was printed; elsewhere not without an account and TLS."""

from pathlib import Path

import pytest

from common.errors import ConfigurationError
from tests.unit.web.conftest import PASSWORD, QUICK
from web.access.access import Access
from web.access.accounts import Accounts
from web.access.first_start import FirstStart, check_socket
from web.errors import AccountError


@pytest.fixture
def first(tmp_path: Path) -> FirstStart:
    return FirstStart(Accounts(tmp_path, QUICK))


def test_the_address_has_the_token_in_its_fragment_as_long_as_it_is_needed(first: FirstStart) -> None:
    assert first.address("http://127.0.0.1:80") == f"http://127.0.0.1:80/first#{first.token}"
    assert first.redeem(first.token, "ada", PASSWORD) is not None
    assert first.address("http://127.0.0.1:80") == "http://127.0.0.1:80/"


def test_the_first_visitor_is_a_keeper_and_the_second_is_nobody(first: FirstStart) -> None:
    account = first.redeem(first.token, "ada", PASSWORD)
    assert account is not None and account.role == "keeper" and account.devices is None
    assert first.redeem(first.token, "eve", PASSWORD) is None


@pytest.mark.parametrize("token", ["", "wrong", "\ud800", "x" * 1_000_000])
def test_another_token_makes_no_account(first: FirstStart, token: str) -> None:
    assert first.redeem(token, "eve", PASSWORD) is None
    assert first.is_due()


def test_a_password_that_is_refused_does_not_use_up_the_token(first: FirstStart) -> None:
    with pytest.raises(AccountError, match="12 to"):
        first.redeem(first.token, "ada", "short")
    assert first.redeem(first.token, "ada", PASSWORD) is not None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]"])
def test_loopback_needs_neither_account_nor_tls(tmp_path: Path, host: str) -> None:
    check_socket(Accounts(tmp_path, QUICK), host, tls=False, insecure=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "cameras.example", ""])
def test_elsewhere_there_has_to_be_an_account_and_tls(tmp_path: Path, access: Access, host: str) -> None:
    empty, filled = Accounts(tmp_path / "empty", QUICK), access.accounts
    for tls, insecure in ((True, False), (False, True), (True, True)):
        with pytest.raises(ConfigurationError, match="no account"):
            check_socket(empty, host, tls=tls, insecure=insecure)
        check_socket(filled, host, tls=tls, insecure=insecure)
    with pytest.raises(ConfigurationError, match="--web-insecure"):
        check_socket(filled, host, tls=False, insecure=False)
