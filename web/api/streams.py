"""Long answers: pieces of a file as they are made, and a bounded number of such answers at a time."""

import threading
from collections.abc import AsyncIterator, Generator, Iterator

from anyio import CancelScope
from anyio.to_thread import run_sync
from fastapi import Request
from starlette.responses import Response

from web.errors import ProblemError
from web.streaming import CountedStream

#: Downloads at once: each holds a reader of the site's record.
MOST_DOWNLOADS = 4


class Download(Response):
    """A file, for the OpenAPI document: its bytes are of no schema."""

    media_type = None


class Downloads:
    """How many there are."""

    def __init__(self) -> None:
        self._number = 0
        self._lock = threading.Lock()

    def begin(self) -> None:
        """One more. Raises `ProblemError` (503) where there are too many."""
        with self._lock:
            if self._number >= MOST_DOWNLOADS:
                raise ProblemError("too many exports are under way; try again later", 503, {"Retry-After": "30"})
            self._number += 1

    def end(self) -> None:
        """One less."""
        with self._lock:
            self._number -= 1


def download(request: Request, pieces: Iterator[bytes], name: str, media_type: str) -> Response:
    """A file as an answer. The first piece is made before it begins, so that what can't be begun is a problem."""
    downloads: Downloads = request.app.state.downloads
    downloads.begin()
    try:
        first = next(pieces, b"")
    except BaseException:
        downloads.end()
        raise
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return CountedStream(_stream(first, pieces), media_type, downloads.end, headers)


async def _stream(first: bytes, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    try:
        piece: bytes | None = first
        while piece is not None:
            yield piece
            piece = await run_sync(next, pieces, None)
    finally:
        if isinstance(pieces, Generator):  # which may hold a reader of a file
            with CancelScope(shield=True):
                await run_sync(pieces.close)
