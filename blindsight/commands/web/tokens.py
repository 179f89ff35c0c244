"""`blindsight web token`: what programs send that ask a site's REST interface."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE
from rich.table import Table

from blindsight.command_line.app import App
from blindsight.command_line.output import console, print_json
from blindsight.commands.web.opening import AsJson, State, open_accounts, record
from common.errors import ConfigurationError

if TYPE_CHECKING:
    from web.access.viewer import Scope

app = App(name="token", help="Make, list and revoke API tokens of a site in a browser.", no_args_is_help=True)

Account = Annotated[str, typer.Argument(help="The account whose rights the token has, at most.")]


@app.command()
def add(
    account: Account,
    name: Annotated[str, typer.Argument(help="What the token is for.")],
    state: State,
    keep: Annotated[
        bool, typer.Option("--keep", help="It may also retry, drop and export dead letters, if its account may.")
    ] = False,
) -> None:
    """Make a token, and print it: it can't be shown again."""
    accounts = open_accounts(state)
    from web.access.tokens import Tokens

    scopes: list[Scope] = ["read", "keep"] if keep else ["read"]
    record(state, "new token", {"account": account, "name": name, "scopes": scopes})
    _, text = Tokens(accounts).make(account, name, scopes)
    typer.echo(text)


@app.command("list")
def list_tokens(state: State, as_json: AsJson = False) -> None:
    """Show the tokens of all accounts, without their texts."""
    tokens = open_accounts(state).contents().tokens
    if as_json:
        print_json(
            [{"id": each.id, "account": each.account, "name": each.name, "scopes": each.scopes} for each in tokens]
        )
        return
    table = Table(box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    for column in ("token", "account", "name", "scopes"):
        table.add_column(column, overflow="fold")
    for each in tokens:
        table.add_row(each.id, each.account, each.name, ", ".join(each.scopes))
    console.print(table if tokens else "no tokens")


@app.command()
def revoke(
    account: Account, token: Annotated[str, typer.Argument(help="The token's id, as `list` shows it.")], state: State
) -> None:
    """Revoke a token."""
    accounts = open_accounts(state)
    record(state, "revoke token", {"account": account, "token": token})
    if not accounts.remove_token(account, token):
        raise ConfigurationError(f"{account} has no token {token!r}; see: blindsight web token list")
    typer.echo(f"{token} is revoked")
