"""Says where a page is, and serves it."""

from blindsight.command_line.interrupts import exit_at_signals
from blindsight.command_line.output import console
from blindsight.pages.server import HOST, Page, PageServer


def show_page(page: Page, port: int, what: str) -> None:
    """Print the address of a page, and serve it until it ends.

    `what` says in a few words what it is for. Raises `ConfigurationError` when the port can't be had, and `SystemExit`
    at Ctrl-C.
    """
    exit_at_signals()
    server = PageServer(page, port)
    console.print(f"{what}: open this address in a browser; Ctrl-C ends\n  {server.address}", soft_wrap=True)
    console.print(
        f"  (from another machine, first: ssh -L {server.port}:{HOST}:{server.port} THIS-MACHINE)", soft_wrap=True
    )
    server.run()
