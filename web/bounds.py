"""Bounds of a request and its answer: bytes of a body, and seconds for each part."""

import asyncio
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.errors import ProblemError

#: Bytes of a request's body at most: the jobs of some hundred dead letters.
MOST_BODY = 1 << 16
#: Seconds that a body may take to come, and an answer to begin; and to end, for those who are logged in and others.
BODY_SECONDS, BEGIN_SECONDS, END_SECONDS, END_SECONDS_OF_STRANGERS = 15.0, 30.0, 3600.0, 60.0


class Sending:
    """What the application sends, with our headers; notes whether an answer has begun."""

    def __init__(self, send: Send, headers: Mapping[str, str], *, without_body: bool) -> None:
        self._send, self._headers, self._without_body = send, headers, without_body
        self.began = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.began = True
            headers = MutableHeaders(scope=message)
            for name, value in self._headers.items():
                headers.setdefault(name, value)
        elif self._without_body:
            message = {**message, "body": b""}
        await self._send(message)


class InTime:
    """ASGI middleware: an answer has to begin and to end within a time.

    What takes longer is left alone, since a thread can't be stopped, and what it sends later goes nowhere.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._late: set[asyncio.Future[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises `ProblemError` (503) before an answer has begun, and `ConnectionAbortedError` afterwards."""
        if scope["type"] != "http":  # the lifespan, which ends with the server
            return await self._app(scope, receive, send)
        began, over = False, False

        async def send_in_time(message: Message) -> None:
            nonlocal began
            if over:
                raise ConnectionAbortedError
            began = True
            await send(message)

        task = asyncio.ensure_future(self._app(scope, receive, send_in_time))
        try:
            await asyncio.wait({task}, timeout=BEGIN_SECONDS)
            if began and not task.done():
                stranger = scope.get("state", {}).get("viewer") is None
                most = END_SECONDS_OF_STRANGERS if stranger else END_SECONDS
                await asyncio.wait({task}, timeout=most - BEGIN_SECONDS)
        finally:
            if not task.done():
                over = True
                task.cancel()
                self._late.add(task)
                task.add_done_callback(self._forget)
        if task in self._late:
            if began:
                raise ConnectionAbortedError("an answer took too long")
            raise ProblemError(f"no answer within {BEGIN_SECONDS:.0f} s", 503, {"Retry-After": "30"})
        task.result()

    def _forget(self, task: "asyncio.Future[None]") -> None:
        self._late.discard(task)
        if not task.cancelled():
            task.exception()  # or it would be logged as one that nobody has asked for


async def read_body(receive: Receive, headers: Headers) -> bytes:
    """A request's body. Raises `ProblemError`: 413 where it is too long, 408 where it takes too long to come."""
    too_long = ProblemError(f"the request's body has more than {MOST_BODY:,} bytes", 413, {"Connection": "close"})
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdecimal()):
        raise ProblemError("the length of the request's body is no number", 400, {"Connection": "close"})
    if len(length) > len(str(MOST_BODY)) or int(length) > MOST_BODY:
        raise too_long
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise ProblemError("the connection was closed", 400)
                body += message.get("body", b"")
                if len(body) > MOST_BODY:
                    raise too_long
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        late = f"the request's body didn't come within {BODY_SECONDS:.0f} s"
        raise ProblemError(late, 408, {"Connection": "close"}) from None


def given_back(body: bytes, receive: Receive) -> Receive:
    """What an application receives of a body that was read: the body, and then what the connection says."""
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again
