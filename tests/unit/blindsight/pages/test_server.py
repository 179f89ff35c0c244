"""A page's server: on loopback, under an address that nobody guesses, until the page ends it."""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from blindsight.pages.server import HOST, PageServer
from common.errors import ConfigurationError, FrameError


class Ending:
    """A page that says good-bye, and then ends."""

    html = "label.html"

    def routes(self, end: Callable[[], None]) -> Sequence[Route]:
        def leave(_: Request) -> Response:
            end()
            return PlainTextResponse("good-bye")

        def fail(request: Request) -> Response:
            raise {"ours": FrameError("the frame is wrong"), "disk": OSError(28, "No space left on device")}[
                request.query_params["how"]
            ]

        return [Route("/api/leave", leave, methods=["POST"]), Route("/api/fail", fail)]


@contextmanager
def running(server: PageServer) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield thread
    finally:
        server.end()
        thread.join()


def client(server: PageServer) -> httpx.Client:
    address, _, token = server.address.partition("#")
    return httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}, trust_env=False)


def test_the_page_ends_the_server_and_gets_its_answer() -> None:
    server = PageServer(Ending())
    with running(server) as thread, client(server) as browser:
        assert "Label crops" in browser.get("/").text
        assert browser.post("/api/leave", content=b"").text == "good-bye"
        thread.join(30)
        assert not thread.is_alive()
    with pytest.raises(OSError):
        socket.create_connection((HOST, server.port), timeout=5)


def test_the_address_is_on_loopback_with_a_token_that_is_new_each_time() -> None:
    one, other = PageServer(Ending()), PageServer(Ending())
    assert one.address == f"http://127.0.0.1:{one.port}/#{one.token}"
    assert one.token != other.token and len(one.token) >= 32
    for server in (one, other):
        with running(server):
            server.end()


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"port is {port}, which can't be opened"):
            PageServer(Ending(), port)


@pytest.mark.parametrize(("how", "said"), [("ours", "the frame is wrong"), ("disk", "No space left on device")])
def test_an_error_is_said_to_the_page(how: str, said: str) -> None:
    server = PageServer(Ending())
    with running(server), client(server) as browser:
        answer = browser.get("/api/fail", params={"how": how})
    assert answer.status_code >= 400 and answer.json() == {"error": said}
