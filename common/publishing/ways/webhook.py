"""The way to a webhook: each event is posted as JSON, and signed as Standard Webhooks says.

The specification is https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md: the
headers `webhook-id`, the same whenever an event is sent; `webhook-timestamp`, in seconds since the epoch; and
`webhook-signature`, "v1," and the HMAC-SHA256 of id, timestamp and body, joined by dots, in base64. The secret is
`whsec_` and the HMAC's key in base64.

Only an answer of 2xx counts as arrival. Whatever else comes back, nothing is dropped: a refusal (4xx) is most often
about an address or a password that somebody will mend.
"""

import base64
import binascii
import contextlib
import hashlib
import hmac
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from common.errors import BlindsightError, ConfigurationError
from common.installed import blindsight_version
from common.publishing.events import decode_event, event_id
from common.publishing.outgoing import Target
from common.publishing.ways.way import Way
from common.quoting import shown
from common.service.settings import read_secret

if TYPE_CHECKING:
    import httpx

#: Seconds for a connection, and for each wait for bytes that are sent or come back, at most.
_CONNECT_SECONDS, _BYTES_SECONDS = 10.0, 20.0
#: Bytes of an answer that are read, so that its connection can be used again. What is in them doesn't matter.
_MOST_BYTES = 65_536
#: The beginning of a secret, and the fewest and most bytes of its key, as the specification says.
_PREFIX = "whsec_"
_KEY_BYTES = range(24, 65)
#: The form that a file with a secret should have.
_FORM = f"it should hold {_PREFIX} and 24 to 64 bytes in base64; make one: echo {_PREFIX}$(openssl rand -base64 32)"


class WebhookWay(Way):
    """Posts each event to a URL.

    `key` signs what is posted; None leaves it unsigned. Neither the URL, but for its host, nor the key is ever shown.
    Raises `ConfigurationError` for a URL that can't be used.
    """

    target: Target = "webhook"

    def __init__(self, url: str, key: bytes | None) -> None:
        import httpx  # here and below, since only those need it who have a webhook

        self._url, self._key = url, key
        self._client: httpx.Client | None = None
        try:
            httpx.URL(url)
        except httpx.InvalidURL:  # whose text would repeat it
            raise ConfigurationError(f"webhook is at {host_of(url)}, and can't be read as a URL; check it") from None

    def send(self, bodies: Sequence[bytes]) -> None:
        """Post events, one after another. Raises `BlindsightError` when an answer isn't 2xx, or none comes."""
        for body in bodies:
            self._post(body)

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()

    def _post(self, body: bytes) -> None:
        import httpx

        if self._client is None:
            logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs every URL, with what is secret in it
            timeout = httpx.Timeout(_BYTES_SECONDS, connect=_CONNECT_SECONDS)
            self._client = httpx.Client(timeout=timeout, follow_redirects=False)
        try:
            posting = self._client.stream("POST", self._url, content=body, headers=self._headers(body))
            with posting as answer, contextlib.suppress(httpx.HTTPError):  # of the body: the status has said all
                _read_some(answer)
        except httpx.HTTPError as error:
            raise BlindsightError(f"the webhook {host_of(self._url)} doesn't answer: {_said(error)}") from None
        if not answer.is_success:
            advice = "; give the address that it redirects to" if answer.is_redirect else ""
            raise BlindsightError(f"the webhook {host_of(self._url)} answers {answer.status_code}{advice}")

    def _headers(self, body: bytes) -> dict[str, str]:
        name, now = event_id(decode_event(body)), str(int(time.time()))
        headers = {
            "content-type": "application/json",
            "user-agent": f"blindsight/{blindsight_version()}",
            "webhook-id": name,
            "webhook-timestamp": now,
        }
        if self._key is not None:
            headers["webhook-signature"] = signature(self._key, name, now, body)
        return headers


def _read_some(answer: "httpx.Response") -> None:
    """Read an answer's body, unless it is long or slow; then its connection is closed, and the next post opens one."""
    until, read = time.monotonic() + _BYTES_SECONDS, 0
    for piece in answer.iter_raw():
        read += len(piece)
        if read > _MOST_BYTES or time.monotonic() > until:
            return


def signature(key: bytes, name: str, timestamp: str, body: bytes) -> str:
    """The header `webhook-signature` of a body."""
    digest = hmac.new(key, f"{name}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def read_key(path: Path) -> bytes:
    """The key in a file of `webhook_secret_file`. Raises `ConfigurationError`, which doesn't show it."""
    text = read_secret(path, None, "webhook_secret_file") or ""
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(_PREFIX) or len(key) not in _KEY_BYTES:
        raise ConfigurationError(f"webhook_secret_file is {path}; {_FORM} > {path}")
    return key


def host_of(url: str) -> str:
    """What may be shown of a webhook's URL: its scheme, host and port. The rest may hold a password or a token."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _said(error: Exception) -> str:
    return shown(error) or type(error).__name__
