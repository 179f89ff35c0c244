"""A broker that sends any bytes a test likes, on a real TCP server, and connections to it."""

import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from common.service.settings import ServiceSettings
from common.wire.connection import MqttConnection
from common.wire.incoming import IncomingMessage

CONNACK = b"\x20\x03\x00\x00\x00"
#: The refusal of a CONNECT: bad user name or password.
REFUSED = b"\x20\x03\x00\x86\x00"
PUBACK = re.compile(rb"\x40\x02(..)", re.DOTALL)
SUBACK = b"\x90\x04\x00\x01\x00\x01"
PINGRESP = b"\xd0\x00"
#: Pieces a second in which bytes are sent at a pace.
_PIECES = 10


def connack(largest_packet: int) -> bytes:
    """A CONNACK that sets a Maximum Packet Size (bytes)."""
    return b"\x20\x08\x00\x00\x05\x27" + largest_packet.to_bytes(4, "big")


def publish(topic: bytes, payload: bytes, mid: int = 1) -> bytes:
    body = struct.pack(">H", len(topic)) + topic + struct.pack(">HB", mid, 0) + payload
    return b"\x32" + length(len(body)) + body


def length(number: int) -> bytes:
    """As MQTT writes it: seven bits a byte, the lowest first."""
    return bytes([number]) if number < 0x80 else bytes([number & 0x7F | 0x80]) + length(number >> 7)


class Broker:
    """Takes connections on a free port; the first `damaged` ones get `garbage`, later ones a message.

    `pace` is bytes of `garbage` a second; without one, all of it is sent at once. A broker that is `deaf` gives no
    answers to what it hears.
    """

    def __init__(
        self, garbage: bytes, damaged: int, *, first: bytes = CONNACK, pace: int | None = None, deaf: bool = False
    ) -> None:
        self.garbage, self.damaged, self.first, self.pace, self.deaf = garbage, damaged, first, pace, deaf
        self.heard = 0  # packets, or parts of them, after the first
        self.connections = 0
        self.acknowledged: list[int] = []
        self._clients: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def cut(self) -> None:
        self._clients[-1].shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        with client:
            client.recv(1000)
            self._clients.append(client)
            self.connections += 1
            is_damaged = self.connections <= self.damaged
            try:
                client.sendall(self.first + SUBACK)
                self._send(client, self.garbage if is_damaged else publish(b"t", b"hello"))
                while heard := client.recv(1000):
                    self.heard += 1
                    self.acknowledged += [int.from_bytes(mid, "big") for mid in PUBACK.findall(heard)]
                    if not (is_damaged and self.deaf):
                        client.sendall(PINGRESP)  # to whatever it says
            except OSError:
                return

    def _send(self, client: socket.socket, data: bytes) -> None:
        piece = len(data) if self.pace is None else self.pace // _PIECES
        for start in range(0, len(data), piece or 1):
            client.sendall(data[start : start + piece])
            if self.pace is not None:
                time.sleep(1 / _PIECES)


@contextmanager
def connected(
    broker: Broker, keepalive: int = 1, may_read: Callable[[float], bool] | None = None, yields: bool = True
) -> Iterator[tuple[MqttConnection, list[IncomingMessage]]]:
    received: list[IncomingMessage] = []
    settings = ServiceSettings(mqtt_port=broker.port, mqtt_keepalive=keepalive)
    options: dict[str, Any] = {"on_message": received.append, "subscriptions": ("t",), "may_read": may_read}
    connection = MqttConnection(settings, "test", yields=yields, **options)
    connection.connect()
    try:
        yield connection, received
    finally:
        connection.close()
        broker.close()


def wait_for(condition: Callable[[], object], connection: MqttConnection) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        connection.check()
        time.sleep(0.05)
