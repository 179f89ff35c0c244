"""A TCP proxy on loopback that stands for the network between processes, and fails as networks do.

It changes no byte that passes, and no order, as TCP does; `tests.faults.mqtt_link` does worse.
"""

import asyncio
import select
import socket
import struct
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Literal, Self

Direction = Literal["up", "down"]  # from the client to the server, and back
UP: Direction = "up"
DOWN: Direction = "down"
PassOn = Callable[[bytes], Awaitable[None]]

_HOST = "127.0.0.1"
_PIECE = 1 << 16  # bytes that are read at once
_PIECES = 64  # read ahead; then the sender waits, as for a full window
_TICK = 0.02  # seconds between two looks at a rule that holds data back
_SLICE = 0.05  # seconds that a slice of a piece takes where bandwidth is short


@dataclass(frozen=True)
class Rules:
    """How the network behaves; the defaults are a network without faults."""

    latency: float = 0.0
    jitter: float = 0.0
    bytes_per_second: float | None = None
    refusing: bool = False
    swallowed: frozenset[Direction] = frozenset()
    cut_after: int | None = None


class Link:
    """Listens on `port` and passes everything on to another port. Faults last until `heal`, and add up.

    What is random is drawn from `seed` for each connection and direction.
    """

    def __init__(self, target: int, seed: int = 0) -> None:
        self.rules = Rules()
        self.target = target
        self.seed = seed
        self.accepted = 0
        """Connections that were passed on so far."""
        self._listener = socket.create_server((_HOST, 0), backlog=128)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._connections: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._accepting = asyncio.run_coroutine_threadsafe(self._accept(), self._loop)

    def latency(self, seconds: float, jitter: float = 0.0) -> None:
        """Everything comes that much later, and up to `jitter` seconds more."""
        self.rules = replace(self.rules, latency=seconds, jitter=jitter)

    def bandwidth(self, bytes_per_second: float) -> None:
        """Each connection gets no more than this, in each direction."""
        self.rules = replace(self.rules, bytes_per_second=bytes_per_second)

    def refuse(self) -> None:
        """New connections are reset at once; those that stand go on."""
        self.rules = replace(self.rules, refusing=True)

    def half_open(self, *directions: Direction) -> None:
        """Connections seem to stand, but nothing arrives in these directions (by default in both).

        When healed, a connection that both ends kept goes on where it was, since TCP sends again what was
        lost; one that an end gave up is reset.
        """
        self.rules = replace(self.rules, swallowed=frozenset(directions or (UP, DOWN)))

    def cut_after(self, size: int) -> None:
        """Every connection is reset when `size` more bytes have passed in one direction."""
        self.rules = replace(self.rules, cut_after=size)

    def reset(self) -> None:
        """All connections are reset now. New ones are served."""
        asyncio.run_coroutine_threadsafe(self._reset(), self._loop).result()

    def heal(self) -> None:
        """The network has no faults any more. Connections that stand are kept."""
        self.rules = Rules()

    def close(self) -> None:
        """Reset all connections and listen no more."""
        self._accepting.cancel()
        self.reset()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def read(self, source: socket.socket, direction: Direction, number: int, pass_on: PassOn) -> None:
        """Read one direction of connection `number` until it closes. Raises `OSError`, or a group of them, on reset."""
        async for data in received(source):
            await pass_on(data)

    async def _reset(self) -> None:
        connections = list(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _accept(self) -> None:
        while True:
            client, _ = await self._loop.sock_accept(self._listener)
            if self.rules.refusing:
                _abort(client)
                continue
            self.accepted += 1
            connection = self._loop.create_task(self._serve(client, self.accepted))
            self._connections.add(connection)
            connection.add_done_callback(self._connections.discard)

    async def _serve(self, client: socket.socket, number: int) -> None:
        server = socket.socket()
        for end in (client, server):
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        leave = _abort
        try:
            await self.delivered(UP, client)  # a call for a connection gets lost as all else does
            await self._loop.sock_connect(server, (_HOST, self.target))
            async with asyncio.TaskGroup() as both:
                both.create_task(_Pipe(self, client, server, UP, number).run())
                both.create_task(_Pipe(self, server, client, DOWN, number).run())
            leave = socket.socket.close
        except* OSError:  # an end or a rule has reset it: so it is for both
            pass
        finally:
            leave(client)
            leave(server)

    async def delivered(self, direction: Direction, *ends: socket.socket) -> None:
        """Return when data arrive in this direction.

        Raises `ConnectionResetError` where an end has given up while they did not.
        """
        if direction not in self.rules.swallowed:
            return
        while direction in self.rules.swallowed:
            await asyncio.sleep(_TICK)
        if any(_given_up(end) for end in ends):
            raise ConnectionResetError


async def received(source: socket.socket) -> AsyncIterator[bytes]:
    """What arrives at a socket, until its other end closes. Raises `OSError` where it is reset."""
    loop = asyncio.get_running_loop()
    while data := await loop.sock_recv(source, _PIECE):
        yield data


class _Pipe:
    """One direction of one connection. Reading goes on while data are late, as on a long line."""

    def __init__(
        self, link: Link, source: socket.socket, sink: socket.socket, direction: Direction, number: int
    ) -> None:
        self._link, self._source, self._sink, self._direction = link, source, sink, direction
        self._number = number
        self._random = Random(f"{link.seed} jitter {number} {direction}")
        self._queue: asyncio.Queue[tuple[float, bytes] | OSError | None] = asyncio.Queue(_PIECES)
        self._rules, self._passed = link.rules, 0

    async def run(self) -> None:
        """Pass on until the source closes, then close the sink. Raises a group of `OSError` where it is reset."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._read())
            while piece := await self._queue.get():
                if isinstance(piece, OSError):
                    await self._delivered()
                    raise piece
                await self._write(*piece)
            await self._delivered()
            self._sink.shutdown(socket.SHUT_WR)

    async def _read(self) -> None:
        end = None
        try:
            await self._link.read(self._source, self._direction, self._number, self._put)
        except* OSError:
            end = ConnectionResetError()
        await self._queue.put(end)

    async def _put(self, piece: bytes) -> None:
        await self._queue.put((time.monotonic(), piece))

    async def _write(self, arrival: float, piece: bytes) -> None:
        late = self._random.random()
        while time.monotonic() < arrival + self._link.rules.latency + late * self._link.rules.jitter:
            await asyncio.sleep(_TICK)
        left = memoryview(piece)
        while left:
            await self._delivered()
            rules = self._link.rules
            if rules is not self._rules:
                self._rules, self._passed = rules, 0
            size = len(left)
            if rules.bytes_per_second:
                size = min(size, max(1, int(rules.bytes_per_second * _SLICE)))
            if rules.cut_after is not None:
                size = min(size, rules.cut_after - self._passed)
            await asyncio.get_running_loop().sock_sendall(self._sink, left[:size])
            left, self._passed = left[size:], self._passed + size
            if self._passed == rules.cut_after:
                raise ConnectionResetError
            if rules.bytes_per_second:
                await asyncio.sleep(size / rules.bytes_per_second)

    async def _delivered(self) -> None:
        await self._link.delivered(self._direction, self._source, self._sink)


def _given_up(end: socket.socket) -> bool:
    """Whether the process at the other end has closed it."""
    poll = select.poll()
    poll.register(end, select.POLLRDHUP)
    return bool(poll.poll(0))


def _abort(end: socket.socket) -> None:
    """Close with a reset, which discards what was not sent yet."""
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()
