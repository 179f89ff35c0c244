"""The proxy that stands for the network: what passes, what doesn't, and that all is well once it is healed."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.faults.link import DOWN, UP, Link
from tests.integration.fleet import wait_for

pytestmark = pytest.mark.timeout(30)


class Echo:
    """A server that sends everything back, and remembers it."""

    def __init__(self) -> None:
        self.received = bytearray()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._echo, args=(client,), daemon=True).start()

    def _echo(self, client: socket.socket) -> None:
        with client:
            try:
                while data := client.recv(1 << 16):
                    self.received += data
                    client.sendall(data)
            except OSError:
                pass


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def link(echo: Echo) -> Iterator[Link]:
    with Link(echo.port) as link:
        yield link


def connect(link: Link) -> socket.socket:
    return socket.create_connection(("127.0.0.1", link.port), timeout=10)


def exchange(client: socket.socket, data: bytes) -> bytes:
    """Send, and read as much as was sent."""
    threading.Thread(target=client.sendall, args=(data,), daemon=True).start()
    return read(client, len(data))


def read(client: socket.socket, size: int) -> bytes:
    back = bytearray()
    while len(back) < size and (more := client.recv(1 << 16)):
        back += more
    return bytes(back)


def stays_silent(client: socket.socket) -> bool:
    client.settimeout(0.2)
    try:
        client.recv(1)
    except TimeoutError:
        return True
    finally:
        client.settimeout(10)
    return False


def assert_reset(client: socket.socket) -> bytes:
    """Read up to the reset; what came before."""
    before = bytearray()
    with pytest.raises(ConnectionResetError):
        while data := client.recv(1 << 16):
            before += data
    return bytes(before)


def assert_refused(link: Link) -> None:
    with pytest.raises(ConnectionResetError), connect(link) as client:
        client.recv(1)


def test_a_link_without_faults_passes_every_byte_and_both_closes(link: Link) -> None:
    data = bytes(range(256)) * (1 << 15)
    with connect(link) as client, connect(link) as other:
        assert exchange(client, data) == data
        assert exchange(other, b"other") == b"other"
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
    assert link.accepted == 2


def test_a_long_line_delays_all_and_throttles_nothing(link: Link) -> None:
    data = bytes(2_000_000)
    link.latency(0.2, jitter=0.1)
    with connect(link) as client:
        start = time.monotonic()
        assert exchange(client, data) == data
    assert time.monotonic() - start >= 0.4  # there and back; 31 pieces of 64 KiB one by one took 12 s


def test_a_narrow_line_is_as_fast_as_it_says_and_heals_at_once(link: Link) -> None:
    link.bandwidth(100_000)
    with connect(link) as client:
        start = time.monotonic()
        assert exchange(client, bytes(30_000)) == bytes(30_000)
        assert time.monotonic() - start >= 0.2
        threading.Timer(0.1, link.heal).start()
        assert exchange(client, bytes(30_000_000)) == bytes(30_000_000)  # 300 s if it were not healed


def test_a_reset_ends_the_connections_that_stand_and_no_others(link: Link) -> None:
    with connect(link) as client, connect(link) as other:
        assert exchange(client, b"ab") == b"ab" and exchange(other, b"ab") == b"ab"
        link.reset()
        assert_reset(client)
        assert_reset(other)
    with connect(link) as client:
        assert exchange(client, b"again") == b"again"


def test_a_link_that_refuses_keeps_what_stands(link: Link) -> None:
    with connect(link) as client:
        assert exchange(client, b"a") == b"a"
        link.refuse()
        assert_refused(link)
        assert exchange(client, b"b") == b"b"
    link.heal()
    with connect(link) as client:
        assert exchange(client, b"c") == b"c"


def test_a_half_open_link_swallows_everything_and_goes_on_where_it_was(link: Link, echo: Echo) -> None:
    with connect(link) as client:
        assert exchange(client, b"before") == b"before"
        link.half_open()
        client.sendall(b"lost?")
        with connect(link) as new:  # accepted, and that is all
            new.sendall(b"hello?")
            assert stays_silent(client) and stays_silent(new)
            assert echo.received == b"before"
            link.heal()
            assert read(client, 5) == b"lost?"
            assert read(new, 6) == b"hello?"


def test_a_half_open_link_closes_nothing_and_later_resets_what_was_given_up(link: Link, echo: Echo) -> None:
    client = connect(link)
    assert exchange(client, b"before") == b"before"
    link.half_open()
    client.sendall(b"lost")
    with connect(link) as new:
        new.sendall(b"never sent")
        assert stays_silent(client) and stays_silent(new)
    client.close()
    link.heal()
    with connect(link) as other:
        assert exchange(other, b" after") == b" after"
    assert echo.received == b"before after"


def test_a_link_may_be_half_open_in_one_direction(link: Link, echo: Echo) -> None:
    with connect(link) as client:
        link.half_open(DOWN)
        client.sendall(b"heard")
        assert stays_silent(client)
        assert echo.received == b"heard"
        link.half_open(UP)
        assert client.recv(5) == b"heard"
        client.sendall(b"not heard")
        assert stays_silent(client)
        assert echo.received == b"heard"


@pytest.mark.parametrize("narrow", [False, True])
def test_a_cut_comes_in_the_middle_of_a_message(link: Link, echo: Echo, narrow: bool) -> None:
    if narrow:
        link.bandwidth(10_000_000)
    with connect(link) as client:
        assert exchange(client, b"x" * 700) == b"x" * 700
        link.cut_after(1000)
        client.sendall(b"y" * 1500)
        assert set(assert_reset(client)) <= set(b"y")
    wait_for("all that passed", lambda: echo.received == b"x" * 700 + b"y" * 1000)
    with connect(link) as client:
        assert exchange(client, b"z" * 999) == b"z" * 999


def test_a_reset_by_an_end_is_one_for_the_other(link: Link) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    link.target = server.getsockname()[1]
    with server, connect(link) as client:
        accepted, _ = server.accept()
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        accepted.close()
        assert_reset(client)


def test_a_server_that_is_not_there_resets_the_client(link: Link) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        link.target = closed.getsockname()[1]
    assert_refused(link)


def test_twenty_clients_are_served_at_once(link: Link) -> None:
    clients = [connect(link) for _ in range(20)]
    for number, client in enumerate(clients):
        client.sendall(bytes([number]) * 100_000)
    for number, client in enumerate(clients):
        with client:
            assert read(client, 100_000) == bytes([number]) * 100_000
