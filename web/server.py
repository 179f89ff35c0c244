"""The server of the application: uvicorn on a socket, in a thread or the caller's, with bounds that uvicorn lacks.

uvicorn waits for ever for the head of a first request, and for a client that doesn't read. Here each connection is
looked at every few seconds, and broken off where nothing gets on.
"""

import asyncio
import socket
import ssl
import threading
from functools import partial
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from common.errors import ConfigurationError
from web.access.access import Access
from web.access.first_start import check_socket, is_loopback

#: Connections at once, and those that wait for being accepted.
MOST_CONNECTIONS, _BACKLOG = 256, 64
#: Seconds between two looks at a connection; and seconds for a TLS handshake, for the whole head of a request, and
#: without a byte read of what was sent.
LOOK_SECONDS, HANDSHAKE_SECONDS, HEAD_SECONDS, STALL_SECONDS = 2.0, 10.0, 15.0, 20.0
#: Seconds that an idle connection is kept for another request.
_KEEP_ALIVE_SECONDS = 5
#: Bytes of a request's head, at most.
_MOST_HEAD = 1 << 15
#: Seconds that answers which are under way have to end, once the server shall.
_GRACE_SECONDS = 0.5


class WebServer:
    """Serves an application on a socket that it binds at once; `port` is the one that it got.

    Raises `ConfigurationError` for an address that can't be had or must not be served as it is, and for a certificate
    or key that can't be used.
    """

    def __init__(
        self,
        app: FastAPI,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        cert_file: Path | None = None,
        key_file: Path | None = None,
        insecure: bool = False,
    ) -> None:
        self._app, self._host = app, host
        access: Access = app.state.access
        context = _tls(cert_file, key_file)
        check_socket(access.accounts, host, tls=context is not None, insecure=insecure)
        self._socket = _bound(host, port)
        self.port: int = self._socket.getsockname()[1]
        self._is_tls = context is not None
        self._server = _Server(_config(app, context))
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        """What to open in a browser; at a first start, with the token that makes the first account."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        access: Access = self._app.state.access
        base = f"{'https' if self._is_tls else 'http'}://{host}:{self.port}"
        return access.first.address(base) if is_loopback(self._host) else f"{base}/"

    def run(self) -> None:
        """Serve until `end` is called; in the main thread a signal ends it as well, whose former handler comes then."""
        try:
            self._server.run([self._socket])
        finally:
            self._socket.close()

    def start(self) -> None:
        """Serve in a thread of its own, until `end`."""
        self._thread = threading.Thread(target=self.run, name="web", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """End, within a second: streams end, and what is under way gets half of it. From any thread but its own."""
        self._app.state.live.end()
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()


class _Connection(H11Protocol):
    """A connection that is broken off where it doesn't get on, or when there are too many."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        now = self.loop.time()
        self._busy_at, self._read_at, self._unread = now, now, 0
        self._look_again: asyncio.TimerHandle | None = None
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
        else:
            self._look_again = self.loop.call_later(LOOK_SECONDS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._look_again is not None:
            self._look_again.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        now, unread = self.loop.time(), self.transport.get_write_buffer_size()
        if self.cycle is not None and not self.cycle.response_complete:
            self._busy_at = now
        if unread == 0 or unread < self._unread:
            self._read_at = now
        self._unread = unread
        if now - self._busy_at > HEAD_SECONDS or now - self._read_at > STALL_SECONDS:
            self.transport.abort()
        else:
            self._look_again = self.loop.call_later(LOOK_SECONDS, self._look)


class _Server(uvicorn.Server):
    """uvicorn's server with a bound for TLS handshakes, and one for its end."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen on the sockets."""
        loop, config = asyncio.get_running_loop(), self.config
        protocol = partial(_Connection, config=config, server_state=self.server_state, app_state={})
        most = None if config.ssl is None else HANDSHAKE_SECONDS
        self.servers = [
            await loop.create_server(protocol, sock=each, ssl=config.ssl, backlog=_BACKLOG, ssl_handshake_timeout=most)
            for each in sockets or ()
        ]
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, and break off what hasn't ended in time."""
        asyncio.get_running_loop().call_later(_GRACE_SECONDS, self._break_off)
        await super().shutdown(sockets)

    def _break_off(self) -> None:
        self.force_exit = True
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def _config(app: FastAPI, context: ssl.SSLContext | None) -> uvicorn.Config:
    """No log of requests and no start-up lines: a terminal shows the address, and nothing to hide it."""
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=_MOST_HEAD,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=1,
    )
    config.load()
    config.ssl = context
    return config


def _bound(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise ConfigurationError(
            f"the site in a browser can't be served at {host}, port {port}: {error}; "
            "give another --web-host or --web-port"
        ) from error


def _tls(cert_file: Path | None, key_file: Path | None) -> ssl.SSLContext | None:
    """TLS 1.2 and later, which are the defaults of Python 3.10 and later; None without a certificate."""
    if cert_file is None and key_file is None:
        return None
    if cert_file is None or key_file is None:
        raise ConfigurationError("web_cert_file and web_key_file belong together; give both, or neither")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert_file, key_file, password=_no_password)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"web_cert_file is {cert_file} and web_key_file is {key_file}, which can't be used: {error}; give a "
            "certificate and its key as PEM, the key without a passphrase"
        ) from error
    return context


def _no_password() -> str:
    raise ValueError("the key has a passphrase")  # OpenSSL would ask the terminal
