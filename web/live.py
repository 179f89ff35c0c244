"""What has changed, as it happens: server-sent events (the HTML standard, section 9.2).

An event says that something has changed and what the version is now, not what: whoever listens asks for what it shows,
with the ETag that it has. A listener first hears the version that is, so that it knows whether it missed something.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial

from anyio.to_thread import run_sync

from common.errors import BlindsightError
from web.access.access import Access
from web.access.viewer import Viewer
from web.errors import ProblemError
from web.seen import seen
from web.site import Site
from web.streaming import CountedStream
from web.versions import Versions

#: Seconds between two looks for changes, and so between two events; and between signs of life where nothing changes.
LOOK_SECONDS, HEARTBEAT_SECONDS = 0.5, 15.0
#: Milliseconds after which a browser that lost the connection opens it again.
_RETRY_MS = 2000
#: Listeners at once, and those of one session or token.
MOST_LISTENERS, MOST_OF_ONE = 64, 8


class Live:
    """Everybody who listens."""

    def __init__(self, site: Site, access: Access, versions: Versions) -> None:
        self._site, self._access, self._versions = site, access, versions
        self._listeners: dict[str, int] = {}
        self._ended = False

    def end(self) -> None:
        """End all streams, within half a second. From any thread."""
        self._ended = True

    def listen(self, viewer: Viewer) -> CountedStream:
        """A stream of events; to be called in the loop. Raises `ProblemError` (503) where there are too many."""
        who = viewer.session or viewer.token or ""
        if sum(self._listeners.values()) >= MOST_LISTENERS or self._listeners.get(who, 0) >= MOST_OF_ONE:
            raise ProblemError("too many listen already; close a page, or try again later", 503, {"Retry-After": "30"})
        self._listeners[who] = self._listeners.get(who, 0) + 1
        return CountedStream(self._events(viewer), "text/event-stream", partial(self._leave, who))

    def _leave(self, who: str) -> None:
        self._listeners[who] -= 1
        if not self._listeners[who]:
            del self._listeners[who]

    async def _events(self, viewer: Viewer) -> AsyncIterator[str]:
        yield f"retry: {_RETRY_MS}\n\n"
        told, said_at = None, time.monotonic()
        while not self._ended:
            now = await run_sync(self._look, viewer)
            if now is None:  # the browser comes again, and is told to log in
                yield "event: end\ndata: {}\n\n"
                return
            if now != told:
                yield f'event: change\nid: {now}\ndata: {{"version": "{now}"}}\n\n'
                told, said_at = now, time.monotonic()
            elif time.monotonic() - said_at >= HEARTBEAT_SECONDS:
                yield ": still here\n\n"
                said_at = time.monotonic()
            await asyncio.sleep(LOOK_SECONDS)

    def _look(self, viewer: Viewer) -> str | None:
        """The version as somebody sees it; None where they may no more."""
        try:
            again = self._access.again(viewer)
            return None if again is None else self._versions.of(seen(self._site, again))
        except BlindsightError:  # such as a file of accounts that can't be read
            return None
