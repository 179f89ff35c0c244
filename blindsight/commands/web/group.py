"""The group `blindsight web`: accounts and API tokens of a site in a browser."""

from blindsight.command_line.app import App

app = App(name="web", help="Who may see a site in a browser: accounts and API tokens.", no_args_is_help=True)
app.lazy_command(
    "account", "blindsight.commands.web.accounts:app", "Add, list and remove accounts of a site in a browser."
)
app.lazy_command(
    "token", "blindsight.commands.web.tokens:app", "Make, list and revoke API tokens of a site in a browser."
)
