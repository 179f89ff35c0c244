"""`blindsight web account`: who may see a site in a browser, and change what."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.box import SIMPLE
from rich.table import Table

from blindsight.command_line.app import App
from blindsight.command_line.output import console, print_json
from blindsight.commands.web.opening import AsJson, State, open_accounts, record
from common.errors import ConfigurationError
from common.service.settings import read_secret

app = App(name="account", help="Add, list and remove accounts of a site in a browser.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The account's name.")]


@app.command()
def add(
    name: Name,
    state: State,
    role: Annotated[
        Literal["viewer", "keeper"], typer.Option(help="A keeper may also retry, drop and export dead letters.")
    ] = "viewer",
    device: Annotated[
        list[str] | None, typer.Option(help="A device that a viewer may see, once for each; all without it.")
    ] = None,
    password_file: Annotated[
        Path | None, typer.Option(help="File that holds the password; without it, it is asked for.")
    ] = None,
) -> None:
    """Add an account. Its password has 12 characters or more."""
    accounts = open_accounts(state)
    password = _password(password_file)
    record(state, "new account", {"name": name, "role": role})
    accounts.add(name, password, role, device or None)
    typer.echo(f"{name} may log in as {role}")


@app.command("list")
def list_accounts(state: State, as_json: AsJson = False) -> None:
    """Show the accounts, without their passwords."""
    accounts = open_accounts(state).contents().accounts
    if as_json:
        print_json([{"name": each.name, "role": each.role, "devices": each.devices} for each in accounts])
        return
    table = Table(box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    for column in ("account", "role", "devices"):
        table.add_column(column, overflow="fold")
    for each in accounts:
        table.add_row(each.name, each.role, "all" if each.devices is None else ", ".join(each.devices))
    console.print(table if accounts else "no accounts")


@app.command()
def remove(name: Name, state: State) -> None:
    """Remove an account, its tokens and its sessions."""
    accounts = open_accounts(state)
    record(state, "remove account", {"name": name})
    accounts.remove(name)
    typer.echo(f"{name} is removed")


def _password(file: Path | None) -> str:
    password = read_secret(file, None, "password_file")
    if password is not None:
        return password
    if not sys.stdin.isatty():
        raise ConfigurationError("there is no terminal to ask for the password; give --password-file")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
