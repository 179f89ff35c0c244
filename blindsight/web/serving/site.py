"""The site in a browser beside a service: in a thread of its own, whose faults the service survives."""

import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from blindsight.web.settings.web import WebSettings
from common.logs import get_logger
from common.quoting import shown
from web.access.access import Access
from web.application import build_app
from web.pages.html_pages import HtmlPages
from web.server import WebServer
from web.site import Site

#: The folder of accounts, in a service's state folder.
ACCOUNTS = "web"

log = get_logger(__name__)


class ServedSite:
    """A site whose port is bound at once, and which is served while this is entered.

    Raises `ConfigurationError` for an address that can't be had or must not be served so, for a certificate that can't
    be used, and for a folder of accounts that can't.
    """

    def __init__(self, site: Site, settings: WebSettings, state: Path) -> None:
        app = build_app(site, Access(state / ACCOUNTS), settings.web_name, HtmlPages())
        self._server = WebServer(
            app,
            settings.web_host,
            settings.web_port,
            cert_file=settings.web_cert_file,
            key_file=settings.web_key_file,
            insecure=settings.web_insecure,
        )
        self._fault: str | None = None
        self._ending = False
        self._thread = threading.Thread(target=self._work, name="web", daemon=True)

    @property
    def address(self) -> str:
        """What to open in a browser; without any account, with the token that makes the first one."""
        return self._server.address

    def check(self) -> str | None:
        """The check of health: whether the site is still served."""
        return self._fault

    def __enter__(self) -> Self:
        self._thread.start()
        address, _, token = self.address.partition("/first#")
        log.info("the site is served", address=address)
        if token:  # a log is kept and read by others, and whoever has this makes the first account
            print(f"open this in a browser, to make the first account: {self.address}", file=sys.stderr, flush=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ending = True
        self._server.end()
        self._thread.join()

    def _work(self) -> None:
        try:
            self._server.run()
        except BaseException as error:  # whatever it is, labels are still to be read
            self._stopped(f"{type(error).__name__}: {shown(error)}")
        else:
            if not self._ending:
                self._stopped("it has ended by itself")

    def _stopped(self, why: str) -> None:
        self._fault = f"the site in a browser isn't served any more: {why}; start the service again"
        log.error("the site in a browser isn't served any more", reason=why)
