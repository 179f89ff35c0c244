"""A whole site on loopback: real servers, bridge and workers as processes, devices on demand."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import redis
from PIL import Image

from blindsight.demo.processes import Service, Services
from blindsight.demo.servers import Servers
from common.plan.plan import Plan
from common.service.settings import ServiceSettings
from common.wire.connection import MqttConnection
from common.wire.incoming import IncomingMessage
from edge.labels.results import Result, read_results
from models.samples import load_samples
from tests.plans import digits


def wait_for(what: str, condition: Callable[[], object], seconds: float = 60.0, every: float = 0.1) -> None:
    """Wait until a condition holds, which is looked at `every` so many seconds, or fail naming it."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:g} s"
        time.sleep(every)


@dataclass
class Fleet:
    """Starts and finds the parts of one site."""

    servers: Servers
    services: Services
    folder: Path
    plan: Plan

    @property
    def plan_file(self) -> Path:
        return self.folder / "digits.plan"

    @property
    def head_file(self) -> Path:
        return self.folder / "digits.head"

    def environment(self, user: str) -> dict[str, str]:
        """Settings of a bridge or worker."""
        return {
            "BLINDSIGHT_MQTT_PORT": str(self.servers.mqtt_service_port),
            "BLINDSIGHT_MQTT_USERNAME": user,
            "BLINDSIGHT_MQTT_PASSWORD_FILE": str(self.servers.password_file(user)),
            "BLINDSIGHT_REDIS_URL": self.servers.redis_url,
            "BLINDSIGHT_REDIS_PASSWORD_FILE": str(self.servers.redis_password_file),
        }

    def start_bridge(self, *extra: str) -> Service:
        return self.services.start("bridge", ["bridge", *extra], self.environment("bridge"))

    def start_worker(self, *extra: str) -> Service:
        arguments = ["worker", "--plans", str(self.plan_file), *extra]
        return self.services.start("worker", arguments, self.environment("worker"))

    def start_console(self, keys: Path, state: Path, *extra: str) -> Service:
        """The console of a site, with the key set in `keys`; its record goes to its state folder."""
        arguments = ["console", "--keys", str(keys), "--plans", str(self.head_file), "--state", str(state), *extra]
        return self.services.start("console", arguments, self.device_environment("console"))

    def device_environment(self, user: str) -> dict[str, str]:
        """Settings of a device or console."""
        return {
            "BLINDSIGHT_MQTT_PORT": str(self.servers.mqtt_port),
            "BLINDSIGHT_MQTT_PASSWORD_FILE": str(self.servers.password_file(user)),
        }

    def start_device(self, name: str, pictures: Path, *extra: str, state: Path | None = None) -> Service:
        """A device on a folder of pictures; results go to its state folder."""
        state = state or self.folder / name
        arguments = ["device", "--device", name, "--camera", f"folder:{pictures}", "--state", str(state)]
        arguments += [
            "--plan",
            str(self.head_file),
            "--results",
            str(state / "results.jsonl"),
            "--retry-after",
            "5",
            *extra,
        ]
        return self.services.start(f"device-{name}", arguments, self.device_environment(name))

    def results(self, name: str, state: Path | None = None) -> list[Result]:
        return list(read_results((state or self.folder / name) / "results.jsonl"))

    def redis(self) -> redis.Redis:
        password = self.servers.redis_password_file.read_text().strip()
        return redis.Redis.from_url(self.servers.redis_url, password=password)

    @contextmanager
    def client(self, user: str, *topics: str) -> Iterator[tuple[MqttConnection, list[IncomingMessage]]]:
        """A connection as some user, and the messages that it gets on these topics."""
        services = user in ("bridge", "worker")
        port = self.servers.mqtt_service_port if services else self.servers.mqtt_port
        settings = ServiceSettings(
            mqtt_port=port, mqtt_username=user, mqtt_password_file=self.servers.password_file(user)
        )
        received: list[IncomingMessage] = []

        def receive(message: IncomingMessage) -> None:
            received.append(message)
            connection.acknowledge(message)  # or no more come than are in flight at once

        connection = MqttConnection(settings, f"test-{user}", on_message=receive, subscriptions=topics)
        connection.connect()
        time.sleep(0.3)  # the subscription's acknowledgement
        try:
            yield connection, received
        finally:
            connection.close()


def problems(port: int) -> list[str]:
    """What `/health` of a service on this port finds wrong."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=60) as answer:
            return list(json.load(answer)["problems"])
    except urllib.error.HTTPError as error:
        assert error.code == 503
        return list(json.load(error)["problems"])
    except urllib.error.URLError as error:
        return [f"nobody answers on port {port}: {error.reason}"]


def write_pictures(folder: Path, indices: range) -> list[str]:
    """Samples as files, named so that their order is that of the indices; the labels of the plain truth."""
    samples = load_samples("digits")
    folder.mkdir(parents=True, exist_ok=True)
    for number, index in enumerate(indices):
        Image.fromarray(np.squeeze(samples.frames[index])).save(folder / f"{number:04d}.png")
    return [str(samples.labels[index]) for index in indices]


def make_fleet(servers: Servers, folder: Path, plan: Plan | None = None) -> Fleet:
    """A fleet on running servers, with a plan or the shipped one."""
    plan = plan or digits(1)
    fleet = Fleet(servers, Services(folder), folder, plan)
    plan.save(fleet.plan_file)
    plan.save_head(fleet.head_file)
    return fleet
