"""A Mosquitto of the user's own on a free loopback port, and what a subscriber finds on it."""

import getpass
import json
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from blindsight.demo.servers import find_mqtt, free_ports
from tests.integration.fleet import wait_for


class HomeBroker:
    """Mosquitto with these lines of configuration beside its port."""

    def __init__(self, folder: Path, lines: str = "allow_anonymous true") -> None:
        folder.mkdir(exist_ok=True)
        (self.port,) = free_ports(1)
        self._config = folder / "home.conf"
        self._config.write_text(f"user {getpass.getuser()}\nlistener {self.port} 127.0.0.1\n{lines}\n")
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [find_mqtt().path, "-c", str(self._config)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("the broker", self._listens)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        """End it at once; it has forgotten everything when it is started again."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def home_broker(folder: Path, lines: str = "allow_anonymous true") -> Iterator[HomeBroker]:
    broker = HomeBroker(folder, lines)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


class Subscriber:
    """What is retained on a broker, as a client that comes now finds it, and what comes later."""

    def __init__(self, port: int, user: str | None = None, password: str | None = None) -> None:
        self.found: dict[str, bytes] = {}
        self.history: list[tuple[str, bytes]] = []
        self._subscribed = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        if user is not None:
            self._client.username_pw_set(user, password)
        self._client.on_message = self._arrived
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._subscribed.wait(10)

    def _arrived(self, client: mqtt.Client, _: object, message: mqtt.MQTTMessage) -> None:
        self.found[message.topic] = message.payload
        self.history.append((message.topic, message.payload))

    def configs(self, prefix: str = "homeassistant") -> dict[str, dict[str, Any]]:
        return {
            topic: json.loads(payload)
            for topic, payload in self.found.items()
            if topic.startswith(f"{prefix}/") and payload
        }

    def has(self, wanted: Mapping[str, bytes]) -> bool:
        return all(self.found.get(topic) == payload for topic, payload in wanted.items())

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def subscriber(port: int, user: str | None = None, password: str | None = None) -> Iterator[Subscriber]:
    made = Subscriber(port, user, password)
    try:
        yield made
    finally:
        made.close()
