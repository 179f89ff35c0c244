"""The file of accounts holds hashes only, is its user's alone, and says clearly what is wrong with it."""

import json
import threading
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import ConfigurationError
from tests.unit.web.conftest import PASSWORD, QUICK
from web.access.accounts import Accounts, check_name, check_password
from web.errors import AccountError


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    return Accounts(tmp_path / "web", QUICK)


def test_a_password_opens_its_account_and_no_other(accounts: Accounts) -> None:
    accounts.add("ada", PASSWORD, "keeper")
    accounts.add("bob", PASSWORD + "!", "viewer")
    found = accounts.verify("ada", PASSWORD)
    assert found is not None and found.role == "keeper"
    assert accounts.verify("bob", PASSWORD) is None
    assert accounts.verify("ada", PASSWORD.upper()) is None
    assert accounts.verify("eve", PASSWORD) is None


def test_without_other_wishes_the_hash_is_argon2id_as_its_library_recommends(tmp_path: Path) -> None:
    made = Accounts(tmp_path).add("ada", PASSWORD, "keeper")
    assert made.password.startswith("$argon2id$")
    assert not PasswordHasher().check_needs_rehash(made.password)


def test_a_name_that_is_not_there_costs_a_hash_as_well(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the time of an answer would tell which accounts there are."""
    compared: list[str] = []
    accounts.add("ada", PASSWORD, "keeper")

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:
            compared.append(str(hash).rsplit("$", 2)[0])
            return QUICK.verify(hash, password)

    monkeypatch.setattr(accounts, "_hasher", Counting())
    accounts.verify("ada", "something else")
    accounts.verify("nobody", "something else")
    assert len(compared) == 2 and compared[0] == compared[1]  # the same parameters


def test_a_hash_of_weaker_parameters_is_made_anew_at_login(tmp_path: Path) -> None:
    before = Accounts(tmp_path, QUICK).add("ada", PASSWORD, "keeper").password
    stronger = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    now = Accounts(tmp_path, stronger)
    verified = now.verify("ada", PASSWORD)
    assert verified is not None and verified.password != before
    assert not stronger.check_needs_rehash(verified.password)
    assert now.verify("ada", PASSWORD) == verified


def test_the_file_is_its_users_alone_and_holds_no_password(accounts: Accounts, tmp_path: Path) -> None:
    accounts.add("ada", PASSWORD, "keeper")
    file = tmp_path / "web" / "accounts.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert PASSWORD not in file.read_text()


def test_a_file_that_others_can_read_is_refused(accounts: Accounts, tmp_path: Path) -> None:
    accounts.add("ada", PASSWORD, "keeper")
    file = tmp_path / "web" / "accounts.json"
    file.chmod(0o644)
    with pytest.raises(ConfigurationError, match=r"chmod 600"):
        Accounts(tmp_path / "web", QUICK).contents()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"version": 2, "key": ""}', '{"version": 1}', '{"version": 1, "key": "", "x": 1}']
)
def test_a_file_that_is_something_else_is_refused_by_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "accounts.json"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(ConfigurationError, match=r"accounts\.json can't be used"):
        Accounts(tmp_path, QUICK).contents()


def test_what_another_process_changes_is_seen_at_once(accounts: Accounts, tmp_path: Path) -> None:
    accounts.add("ada", PASSWORD, "keeper")
    another = Accounts(tmp_path / "web", QUICK)
    another.remove("ada")
    assert accounts.account("ada") is None
    another.add("bob", PASSWORD, "viewer")
    assert accounts.account("bob") is not None


def test_changes_at_the_same_time_are_all_there(accounts: Accounts) -> None:
    names = [f"user {number}" for number in range(8)]
    threads = [threading.Thread(target=accounts.add, args=(name, PASSWORD, "viewer")) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(account.name for account in accounts.contents().accounts) == names


@pytest.mark.parametrize(
    "password", ["", "short", "eleven char", "aaaaaaaaaaaaaa", "abababababab", "the owner it", "x" * 1025]
)
def test_a_password_has_twelve_characters_and_is_not_the_name(accounts: Accounts, password: str) -> None:
    with pytest.raises(AccountError) as raised:
        accounts.add("The Owner It", password, "viewer")
    assert password == "" or password not in str(raised.value)


@pytest.mark.parametrize("name", ["", " ada", "ada ", "a\0", "a\nb", "a\x1b[31m", "x" * 65, "\u202eada"])
def test_a_name_can_be_printed(accounts: Accounts, name: str) -> None:
    with pytest.raises(AccountError):
        accounts.add(name, PASSWORD, "viewer")


@settings(max_examples=40)
@given(st.text(max_size=80))
def test_whatever_is_no_name_or_password_is_told_so(text: str) -> None:
    for check in (lambda: check_name(text, "the name"), lambda: check_password(text, "ada")):
        try:
            check()
        except AccountError as error:
            assert str(error).isprintable()


def test_a_name_is_there_once(accounts: Accounts) -> None:
    accounts.add("ada", PASSWORD, "keeper")
    with pytest.raises(AccountError, match="ada already"):
        accounts.add("ada", PASSWORD, "viewer")


def test_a_keeper_has_no_list_of_devices(accounts: Accounts) -> None:
    with pytest.raises(AccountError, match="keeper sees all"):
        accounts.add("ada", PASSWORD, "keeper", ["hall"])


def test_what_is_written_is_there_as_a_whole_or_not_at_all(accounts: Accounts, tmp_path: Path) -> None:
    """A process that died while it wrote leaves another file, which the next one replaces, with the right mode."""
    accounts.add("ada", PASSWORD, "keeper")
    left = tmp_path / "web" / "accounts.json.new"
    left.write_text("{")
    left.chmod(0o666)
    accounts.add("bob", PASSWORD, "viewer")
    file = tmp_path / "web" / "accounts.json"
    assert {each["name"] for each in json.loads(file.read_text())["accounts"]} == {"ada", "bob"}
    assert file.stat().st_mode & 0o777 == 0o600
