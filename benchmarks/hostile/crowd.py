"""Many honest devices in one process: all connect, then each publishes one frame at the same moment."""

import selectors
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.hostile.attacks.attacker import LOOPBACK
from common.wire import messages, topics
from common.wire.messages import Burst

#: Seconds in which the broker answers a connect.
_CONNECT_SECONDS = 10.0


class Crowd:
    """Clients whose sockets are served here, by turns: paho would want a thread for each."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._selector = selectors.DefaultSelector()
        self.clients: dict[str, mqtt.Client] = {}
        self.published = 0

    def connect(self, device: str, password: str) -> None:
        """Connect one device, and wait for the broker's word. Raises `TimeoutError` without it."""
        client = mqtt.Client(CallbackAPIVersion.VERSION2, device, protocol=mqtt.MQTTv5)
        client.username_pw_set(device, password)
        client.on_publish = self._was_published
        client.connect(LOOPBACK, self._port)
        connected: Any = client.socket()
        self._selector.register(connected, selectors.EVENT_READ, client)
        self.clients[device] = client
        if not self.serve(_CONNECT_SECONDS, client.is_connected):
            raise TimeoutError(f"{device} wasn't connected within {_CONNECT_SECONDS:g} s")

    def publish(self, frames: Sequence[Burst]) -> None:
        """Publish all of these, each by its own device."""
        for frame in frames:
            topic = topics.frames(frame.device, frame.job)
            self.clients[frame.device].publish(topic, messages.encode(frame), qos=1)

    def serve(self, seconds: float, done: Callable[[], bool]) -> bool:
        """Read and write for all until `done`; False when it wasn't in time."""
        deadline = time.monotonic() + seconds
        while not done():
            if time.monotonic() > deadline:
                return False
            for key, _ in self._selector.select(0.01):
                key.data.loop_read()
            for client in self.clients.values():
                if client.want_write():
                    client.loop_write()
        return True

    def close(self) -> None:
        """Disconnect all."""
        for client in self.clients.values():
            client.disconnect()
        self._selector.close()

    def _was_published(self, _client: mqtt.Client, _data: object, _mid: int, reason: Any, *_: object) -> None:
        self.published += not reason.is_failure


@contextmanager
def crowd(port: int, devices: Sequence[str], password_file: Callable[[str], Path]) -> Iterator[Crowd]:
    """All of these devices, connected."""
    together = Crowd(port)
    try:
        for device in devices:
            together.connect(device, password_file(device).read_text().strip())
        yield together
    finally:
        together.close()
