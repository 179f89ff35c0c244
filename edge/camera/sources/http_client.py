"""Asking a camera by HTTP, within bounds of time and bytes."""

import logging
import socket
import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from common.errors import ConfigurationError, FrameError
from common.quoting import shown
from edge.camera.sources.address import Address

#: Seconds for which a camera may stay silent.
_SILENCE = 10.0
#: Seconds in which an answer's head has to be here, and from then on a picture.
_MOST_SECONDS = 30.0
#: Bytes of one picture, at most.
MOST_BYTES = 1 << 25


class HttpClient:
    """A camera's HTTP server. It is asked with the user and the password in the way that it asks for: Digest or Basic.

    `ca` is the certificate that an https:// camera's own has to be signed by; without, those that the system trusts.
    Raises `ConfigurationError` when `ca` can't be used.
    """

    def __init__(self, address: Address, ca: Path | None) -> None:
        self.address = address
        self._socket: socket.socket | None = None
        # It logs each request with its address, in whose query there may be a password.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self._client = httpx.Client(
            auth=_Login(address.user, address.password) if address.user else None,
            headers={"User-Agent": "blindsight", "Accept-Encoding": "identity"},
            timeout=_SILENCE,
            trust_env=False,  # a proxy, or passwords of ~/.netrc, are for other servers
            verify=_trusted(ca),
        )

    def get(self) -> httpx.Response:
        """The camera's answer, of which the head is read; it has to be closed.

        Raises `FrameError`, or `ConfigurationError` when it is no use to ask again.
        """
        request = self._client.build_request("GET", self.address.url, extensions={"trace": self._connected})
        with self.bounded(), self.explained():
            response = self._client.send(request, stream=True)
        if response.status_code == httpx.codes.OK:
            return response
        response.close()
        if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise self.address.refusal()
        says = f"the camera {self.address.shown} answers {response.status_code} {shown(response.reason_phrase)}"
        if response.next_request is not None:
            where = response.next_request.url.copy_with(userinfo=b"", query=None)
            raise ConfigurationError(f"{says}, which leads elsewhere; give that address: {shown(where)}")
        if response.is_client_error:
            raise ConfigurationError(f"{says}; check the address")
        raise FrameError(says)

    def fetch(self) -> bytes:
        """A snapshot's bytes. Raises what `get` does."""
        response = self.get()
        try:
            with self.bounded(), self.explained():
                body = bytearray()
                for piece in response.iter_raw():
                    body += piece
                    if len(body) > MOST_BYTES:
                        raise FrameError(f"the camera {self.address.shown} sent over {MOST_BYTES:,} bytes")
                return bytes(body)
        finally:
            response.close()

    @contextmanager
    def bounded(self) -> Generator[None]:
        """Cut the connection where a picture, or an answer's head, isn't here in time; raises `FrameError` then.

        httpx only bounds the time between two bytes: a camera that sends one now and then is never silent, and its
        answer's head, or what comes before it, would never end.
        """
        late = threading.Event()

        def cut() -> None:
            late.set()
            self._cut()

        timer = threading.Timer(_MOST_SECONDS, cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        except FrameError as error:
            if not late.is_set():
                raise
            raise self._too_late() from error
        finally:
            timer.cancel()
        if late.is_set():  # an answer without a length ends where it is cut, and looks whole
            raise self._too_late()

    def _too_late(self) -> FrameError:
        return FrameError(f"the camera {self.address.shown} took over {_MOST_SECONDS:.0f} s for a picture")

    def _connected(self, event: str, details: dict[str, Any]) -> None:
        """httpx tells what it does: remember the connection."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._socket = details["return_value"].get_extra_info("socket")

    def _cut(self) -> None:
        """End the connection, whose next read then fails; from any thread."""
        if self._socket is not None:
            with suppress(OSError):  # it has ended
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    @contextmanager
    def explained(self) -> Generator[None]:
        """Make what httpx raises `FrameError`, or `ConfigurationError` where it is no use to ask again."""
        name = f"the camera {self.address.shown}"
        try:
            yield
        except httpx.TimeoutException as error:
            raise FrameError(f"{name} was silent for {_SILENCE:.0f} s") from error
        except httpx.HTTPError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise ConfigurationError(
                    f"{name} shows a certificate that isn't trusted; give --camera-ca-file, the one that signed it"
                ) from error
            raise FrameError(f"{name} can't be reached: {shown(str(error)) or type(error).__name__}") from error
        except httpx.InvalidURL:  # whose text would repeat it
            raise ConfigurationError(f"{name} has an address that can't be read") from None


def _trusted(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise ConfigurationError(f"camera_ca_file is {ca}, which is no certificate: {error.strerror}") from error


class _Login(httpx.Auth):
    """Digest or Basic, as the camera's first refusal asks for; from then on at once."""

    def __init__(self, user: str, password: str) -> None:
        self._basic, self._digest = httpx.BasicAuth(user, password), httpx.DigestAuth(user, password)
        self._chosen: httpx.Auth | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        if self._chosen is None:
            response = yield request
            if response.status_code != httpx.codes.UNAUTHORIZED:
                return
            asked = [each.lower() for each in response.headers.get_list("www-authenticate")]
            self._chosen = self._digest if any(each.startswith("digest") for each in asked) else self._basic
        try:
            yield from self._chosen.auth_flow(request)
        except (ValueError, KeyError, NotImplementedError) as error:  # of httpx, which takes a challenge as it is
            raise httpx.ProtocolError("it asks for a password in a way that can't be read", request=request) from error
