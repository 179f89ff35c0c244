"""A link to an MQTT broker that also tampers with messages, as no network does but broken software may.

PUBLISH packets are duplicated, swapped, late or changed; all other packets pass as they are.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from random import Random

from tests.faults.link import Direction, Link, PassOn, received

_PUBLISH = 3
_QOS = 0x06
_DUPLICATE = 0x08  # the flag of a packet that is sent again
_HELD = 0.5  # seconds that a packet waits at most for the one that is to overtake it


@dataclass(frozen=True)
class Tampering:
    """With what probability, from 0 to 1, something is done to a PUBLISH packet; one thing at most is."""

    duplicate: float = 0.0
    reorder: float = 0.0
    delay: float = 0.0
    corrupt: float = 0.0
    delay_seconds: float = 2.0
    anywhere: bool = False
    """Change a byte anywhere behind the packet's length, not only in the message."""

    def draw(self, random: Random) -> str:
        """What is done to the next packet."""
        drawn = random.random()
        for fault in ("duplicate", "reorder", "delay", "corrupt"):
            drawn -= getattr(self, fault)
            if drawn < 0:
                return fault
        return "passed"


class MqttLink(Link):
    """Passes on whole packets. `done` counts what was done to them, by name."""

    def __init__(self, target: int, seed: int = 0) -> None:
        self.done: Counter[str] = Counter()
        self.tampering: dict[Direction, Tampering] = {}
        super().__init__(target, seed)

    def tamper(self, direction: Direction, tampering: Tampering) -> None:
        """Do this to the packets in one direction, until `heal`."""
        self.tampering = {**self.tampering, direction: tampering}

    def heal(self) -> None:
        """No more faults. Packets that are late still come late."""
        self.tampering = {}
        super().heal()

    async def read(self, source: socket.socket, direction: Direction, number: int, pass_on: PassOn) -> None:
        await _Direction(self, direction, number, pass_on).run(source)


class _Direction:
    """One direction of one connection: passes packets on, and does to them what is drawn."""

    def __init__(self, link: MqttLink, direction: Direction, number: int, pass_on: PassOn) -> None:
        self._link, self._direction, self._pass_on = link, direction, pass_on
        self._random = Random(f"{link.seed} packets {number} {direction}")
        self._late = asyncio.TaskGroup()
        self._held = b""

    async def run(self, source: socket.socket) -> None:
        async with self._late:
            async for packet in packets(source):
                if packet[0] >> 4 == _PUBLISH:
                    await self._tamper(packet, self._link.tampering.get(self._direction, Tampering()))
                else:
                    await self._pass_on(packet)

    async def _tamper(self, packet: bytes, tampering: Tampering) -> None:
        fault = tampering.draw(self._random)
        self._link.done[fault] += 1
        if fault == "delay":
            self._late.create_task(self._later(packet, tampering.delay_seconds))
            return
        if fault == "reorder" and not self._held:
            self._held = packet
            self._late.create_task(self._release(packet))
            return
        await self._pass_on(_changed(packet, self._random, tampering.anywhere) if fault == "corrupt" else packet)
        if fault == "duplicate":
            await self._pass_on(_again(packet))
        if self._held:
            held, self._held = self._held, b""
            await self._pass_on(held)

    async def _later(self, packet: bytes, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._pass_on(packet)

    async def _release(self, packet: bytes) -> None:
        await asyncio.sleep(_HELD)
        if self._held is packet:
            self._held = b""
            await self._pass_on(packet)


async def packets(source: socket.socket) -> AsyncIterator[bytes]:
    """The whole MQTT packets that arrive at a socket. Raises `OSError` where it is reset, `ValueError` for no MQTT."""
    buffer = bytearray()
    async for data in received(source):
        buffer += data
        while (length := _number(buffer, 1)) and len(buffer) >= (size := sum(length)):
            yield bytes(buffer[:size])
            del buffer[:size]


def _number(data: bytes | bytearray, at: int) -> tuple[int, int] | None:
    """Where a number of variable length ends, and the number; None while it has not come."""
    value = 0
    for place in range(4):
        if at + place >= len(data):
            return None
        value |= (data[at + place] & 0x7F) << 7 * place
        if data[at + place] < 0x80:
            return at + place + 1, value
    raise ValueError(f"no MQTT: a length of more than four bytes, {bytes(data[at : at + 4]).hex()}")


def _again(packet: bytes) -> bytes:
    """The packet as a sender sends it again. The flag is not for QoS 0."""
    return bytes([packet[0] | _DUPLICATE if packet[0] & _QOS else packet[0]]) + packet[1:]


def _changed(packet: bytes, random: Random, anywhere: bool) -> bytes:
    """The packet with another byte in its message, if it has one, or anywhere behind its length."""
    start, _ = _number(packet, 1) or (0, 0)
    if not anywhere:
        start += 2 + int.from_bytes(packet[start : start + 2]) + (2 if packet[0] & _QOS else 0)
        properties, size = _number(packet, start) or (0, 0)
        start = properties + size
    if start >= len(packet):
        return packet
    place = random.randrange(start, len(packet))
    return packet[:place] + bytes([packet[place] ^ random.randint(1, 255)]) + packet[place + 1 :]
