"""API tokens: shown once, kept as a hash, revocable, and never worth more than their account."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from web.access.access import Access
from web.access.tokens import Tokens
from web.errors import AccountError


def test_a_token_is_its_account_within_its_scopes(access: Access) -> None:
    for account, scopes, role in (("keeper", ["read"], "viewer"), ("keeper", ["keep"], "keeper")):
        _, text = access.tokens.make(account, "script", scopes)  # type: ignore[arg-type]
        viewer = access.tokens.viewer(text)
        assert viewer is not None and (viewer.name, viewer.role) == (account, role)


def test_a_viewers_token_sees_what_its_account_sees_and_keeps_nothing(access: Access) -> None:
    _, text = access.tokens.make("guest", "script", ["read"])
    viewer = access.tokens.viewer(text)
    assert viewer is not None and viewer.devices == {"garage", "hall"}
    with pytest.raises(AccountError, match="scope keep"):
        access.tokens.make("viewer", "script", ["read", "keep"])


def test_the_text_is_kept_nowhere(access: Access, tmp_path: Path) -> None:
    _, text = access.tokens.make("viewer", "script", ["read"])
    for file in (tmp_path / "web").iterdir():
        assert text.rpartition("_")[2].encode() not in file.read_bytes()


def test_a_token_that_was_revoked_opens_nothing(access: Access) -> None:
    token, text = access.tokens.make("viewer", "script", ["read"])
    assert not access.tokens.revoke("guest", token.id)
    assert access.tokens.revoke("viewer", token.id)
    assert access.tokens.viewer(text) is None
    assert not access.tokens.revoke("viewer", token.id)


def test_a_token_ends_with_its_account(access: Access) -> None:
    _, text = access.tokens.make("viewer", "script", ["read"])
    access.accounts.remove("viewer")
    access.accounts.add("viewer", "another password", "keeper")
    assert access.tokens.viewer(text) is None


def test_one_wrong_character_is_no_token(access: Access) -> None:
    _, text = access.tokens.make("viewer", "script", ["read"])
    for wrong in (text[:-1], text + "A", text[:-1] + ("A" if text[-1] != "A" else "B"), text.upper(), f" {text}"):
        assert access.tokens.viewer(wrong) is None


@settings(max_examples=40)
@given(st.text())
def test_no_text_is_a_token_by_chance(text: str) -> None:
    assert Tokens(None).viewer(text) is None  # type: ignore[arg-type]  # which isn't even asked
