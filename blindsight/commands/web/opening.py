"""What the commands of `blindsight web` share: the folder of accounts, and the log of what they change."""

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blindsight.pages.installed import SITE, check_installed
from common.errors import ConfigurationError
from common.service.settings_errors import PREFIX

if TYPE_CHECKING:
    from web.access.accounts import Accounts
    from web.access.audit import Details

State = Annotated[
    Path,
    typer.Option(
        envvar=f"{PREFIX}STATE",
        help="The console's or the device's state folder, or that of status (--web-state); it may run meanwhile.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def open_accounts(state: Path) -> "Accounts":
    """The accounts in a service's state folder. Raises `ConfigurationError`."""
    check_installed("a site in a browser", SITE)
    from blindsight.web.serving.site import ACCOUNTS
    from web.access.accounts import Accounts

    if not state.is_dir():
        raise ConfigurationError(f"state is {state}, which is no folder; give the one of the console or device")
    return Accounts(state / ACCOUNTS)


def record(state: Path, what: str, details: "Details") -> None:
    """Note what is about to be changed in the log of changes. Raises `ConfigurationError`."""
    from blindsight.web.serving.site import ACCOUNTS
    from web.access.audit import Audit

    Audit(state / ACCOUNTS).record(what, _user(), "command line", details)


def _user() -> str:
    """Whoever runs the command, as the system calls them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user has no name
        return "unknown"
