"""Accounts and API tokens on the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from blindsight.cli import app
from common.errors import BlindsightError
from web.access.access import Access
from web.access.tokens import Tokens

PASSWORD = "correct horse battery staple"
Command = Callable[..., str]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Runs `blindsight web …` on a state folder; gives its standard output, and raises its error."""
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    (tmp_path / "state").mkdir()

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["web", *arguments, "--state", str(tmp_path / "state")])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.stdout

    return run


def access(folder: Path) -> Access:
    return Access(folder / "state" / "web")


def add(command: Command, folder: Path, *arguments: str) -> str:
    return command("account", "add", *arguments, "--password-file", str(folder / "password"))


def test_an_account_is_added_and_its_password_opens_the_door(command: Command, tmp_path: Path) -> None:
    assert "ann may log in as keeper" in add(command, tmp_path, "ann", "--role", "keeper")
    account = access(tmp_path).accounts.verify("ann", PASSWORD)
    assert account is not None and account.role == "keeper"


def test_a_viewer_s_devices_are_named_one_by_one(command: Command, tmp_path: Path) -> None:
    add(command, tmp_path, "bob", "--device", "cam-01", "--device", "cam-02")
    assert json.loads(command("account", "list", "--json")) == [
        {"name": "bob", "role": "viewer", "devices": ["cam-01", "cam-02"]}
    ]


def test_a_list_never_has_a_password(command: Command, tmp_path: Path) -> None:
    add(command, tmp_path, "ann")
    command("token", "add", "ann", "ci")
    for what in ("account", "token"):
        for form in ([], ["--json"]):
            assert "argon2" not in command(what, "list", *form)
            assert "sha256" not in command(what, "list", *form)


def test_an_account_is_removed_with_its_tokens(command: Command, tmp_path: Path) -> None:
    add(command, tmp_path, "ann")
    command("token", "add", "ann", "ci")
    command("account", "remove", "ann")
    assert json.loads(command("account", "list", "--json")) == json.loads(command("token", "list", "--json")) == []


def test_a_token_opens_the_door_until_it_is_revoked(command: Command, tmp_path: Path) -> None:
    add(command, tmp_path, "ann", "--role", "keeper")
    text = command("token", "add", "ann", "ci", "--keep").strip()
    tokens = Tokens(access(tmp_path).accounts)
    viewer = tokens.viewer(text)
    assert viewer is not None and viewer.may_keep
    (listed,) = json.loads(command("token", "list", "--json"))
    assert (listed["account"], listed["name"], listed["scopes"]) == ("ann", "ci", ["read", "keep"])
    command("token", "revoke", "ann", listed["id"])
    assert tokens.viewer(text) is None


def test_a_token_without_keep_only_reads(command: Command, tmp_path: Path) -> None:
    add(command, tmp_path, "ann", "--role", "keeper")
    viewer = Tokens(access(tmp_path).accounts).viewer(command("token", "add", "ann", "ci").strip())
    assert viewer is not None and not viewer.may_keep


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["account", "remove", "nobody"], "no account nobody"),
        (["token", "add", "nobody", "ci"], "no account nobody"),
        (["token", "revoke", "nobody", "123"], "nobody has no token '123'"),
        (["account", "add", "ann"], "--password-file"),
    ],
)
def test_what_can_t_be_done_is_said(command: Command, arguments: list[str], message: str) -> None:
    with pytest.raises(BlindsightError, match=message):
        command(*arguments)


def test_a_folder_that_isn_t_there_is_named(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["web", "account", "list", "--state", str(tmp_path / "missing")])
    assert "which is no folder" in str(done.exception)


def test_changes_are_in_the_log_of_changes_and_passwords_aren_t(command: Command, tmp_path: Path) -> None:
    add(command, tmp_path, "ann")
    text = command("token", "add", "ann", "ci").strip()
    log = (tmp_path / "state" / "web" / "audit.jsonl").read_text()
    assert [json.loads(line)["what"] for line in log.splitlines()] == ["new account", "new token"]
    assert PASSWORD not in log and text not in log
