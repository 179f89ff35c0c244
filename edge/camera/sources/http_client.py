"""Asking a camera by HTTP, within bounds of time and bytes."""

import logging
import ssl
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx

from common.errors import ConfigurationError, FrameError
from common.quoting import shown
from edge.camera.sources.address import Address

#: Seconds for which a camera may stay silent.
_SILENCE = 10.0
#: Seconds in which a picture has to be here, once it has begun to come.
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
        with self.explained():
            response = self._client.send(self._client.build_request("GET", self.address.url), stream=True)
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
        until = self.deadline()
        response = self.get()
        try:
            with self.explained():
                body = bytearray()
                for piece in response.iter_raw():
                    body += piece
                    if len(body) > MOST_BYTES:
                        raise FrameError(f"the camera {self.address.shown} sent over {MOST_BYTES:,} bytes")
                    self.check(until)
                return bytes(body)
        finally:
            response.close()

    def deadline(self) -> float:
        """The time (monotonic, s) until which a picture that is asked for now has to be here."""
        return time.monotonic() + _MOST_SECONDS

    def check(self, deadline: float) -> None:
        """Raise `FrameError` after a deadline: a camera that sends a byte now and then is never silent."""
        if time.monotonic() > deadline:
            raise FrameError(f"the camera {self.address.shown} took over {_MOST_SECONDS:.0f} s for a picture")

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
