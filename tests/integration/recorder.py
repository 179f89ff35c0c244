"""The network of the fault suite, without faults, that keeps every byte that passes, in both directions."""

import socket

from tests.faults.link import Direction, Link, PassOn


class Recorder(Link):
    """A link with what passed: a stream for each direction of each connection."""

    def __init__(self, target: int) -> None:
        self.streams: list[bytearray] = []
        super().__init__(target)

    async def read(self, source: socket.socket, direction: Direction, number: int, pass_on: PassOn) -> None:
        stream = bytearray()
        self.streams.append(stream)

        async def keep(data: bytes) -> None:
            stream.extend(data)
            await pass_on(data)

        await super().read(source, direction, number, keep)
