"""A site under test: real servers, two bridges, two workers, a console and devices, with a network between them."""

import random
import signal
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import redis

from blindsight.demo.servers import Servers, start_servers
from common.keys.key_set import create_key_set, write_public
from common.service.settings import ServiceSettings
from common.wire.connection import MqttConnection
from common.wire.incoming import IncomingMessage
from common.wire.messages import Custody
from console.record.record import Record
from edge.labels.results import read_results
from tests.faults.disks import SmallDisk, can_mount
from tests.faults.history import (
    Effect,
    Findings,
    check,
    count_pending,
    last_accepted,
    read_history,
    record_history,
)
from tests.faults.link import Link
from tests.faults.models import Model
from tests.faults.mqtt_link import MqttLink
from tests.faults.processes import Supervised, Supervisor

#: Seconds. All of them short, so that faults can last longer than each.
KEEPALIVE, RETRY_AFTER, TIME_LIMIT = 4, 3, 5
LONGEST = 16.5  # longer than keep-alive and its grace, time limit, visibility timeout
Choice = TypeVar("Choice")
Policy = Literal["all", "latest"]
SERVICES = ("bridge-1", "bridge-2", "worker-1", "worker-2", "console")


@dataclass(frozen=True)
class Device:
    """A device of the site: how it is set, and where its state is."""

    name: str
    model: Model
    policy: Policy
    custody: Custody
    rate: float
    state: Path

    @property
    def outbox(self) -> Path:
        return self.state / "outbox.sqlite"


class Site:
    """Starts everything in a folder; `stop` ends it. `may_park` are reasons for which its faults may park frames."""

    def __init__(self, folder: Path, devices: Sequence[Device], small_disks: bool = True) -> None:
        self.folder, self.devices = folder, {device.name: device for device in devices}
        self.may_park: set[str] = set()
        self._packs: dict[tuple[Any, ...], list[Any]] = {}
        self.mines, self.wall_clock = folder / "mines", folder / "wall-clock"
        self.mines.mkdir(parents=True)
        self._starter = ThreadPoolExecutor(1)
        self.servers: Servers = start_servers(folder / "servers", list(self.devices))
        self.disks = self._make_disks() if small_disks and can_mount() else {}
        mqtt, services, store = self.servers.mqtt_port, self.servers.mqtt_service_port, self.servers.address.redis_port
        self.links: dict[str, Link] = {
            "device-broker": MqttLink(mqtt),
            "bridge-broker": MqttLink(services),
            "worker-broker": MqttLink(services),
            "bridge-redis": Link(store),
            "worker-redis": Link(store),
        }
        self.published: dict[str, set[str]] = {name: set() for name in self.devices}
        self._observer = self._observe()
        self.supervisor = Supervisor(folder)
        self._start()

    def stop(self) -> None:
        """End all processes and links; the folder stays."""
        for link in self.links.values():
            link.heal()
        self._observer.close()
        self.supervisor.stop()
        self.servers.stop()
        for link in self.links.values():
            link.close()
        for disk in self.disks.values():
            disk.unmount()
        self._starter.shutdown()

    def deal(self, rng: random.Random, choices: Sequence[Choice]) -> Choice:
        """One of these at random, as from a pack of cards: none a second time before each had its turn."""
        pack = self._packs.setdefault(tuple(choices), [])
        if not pack:
            pack += rng.sample(choices, len(choices))
        return pack.pop()

    def process(self, name: str) -> Supervised:
        return self.supervisor.processes[name]

    def redis(self) -> "redis.Redis":
        """A client that no link stands before."""
        password = self.servers.redis_password_file.read_text().strip()
        return redis.Redis.from_url(self.servers.redis_url, password=password)

    def server_pid(self, name: str) -> int:
        return self.servers.processes[name].pid

    def restart_server(self, name: str, seconds: float, *forget: str) -> None:
        """Kill a server, delete files in its data folder, and start it again after a while."""
        self.servers.kill(name)
        data = {"mqtt": self.servers.site.mosquitto, "redis": self.servers.site.redis}[name] / "data"
        for file in forget:
            (data / file).unlink(missing_ok=True)
        time.sleep(seconds)
        self.start_server(name)

    def start_server(self, name: str) -> None:
        """Start a server, in a thread that stays: children of a thread that ends are ended with it (PDEATHSIG)."""
        self._starter.submit(self.servers.start, name).result()

    def accepted(self) -> dict[str, int]:
        """The last counter that each device has accepted; -1 for none."""
        return {name: last_accepted(device.outbox) for name, device in self.devices.items()}

    def pending(self, marks: dict[str, int]) -> int:
        """How many bursts up to these counters have no answer yet."""
        return sum(count_pending(device.outbox, marks[name]) for name, device in self.devices.items())

    def findings(self, marks: dict[str, int]) -> dict[str, Findings]:
        """What the history says of each device's frames up to a counter."""
        return {name: self._check(device, marks[name]) for name, device in self.devices.items()}

    def _check(self, device: Device, mark: int) -> Findings:
        events = read_history(device.outbox)
        jobs = {event.job for event in events if event.kind == "accepted" and event.counter <= mark}
        later = {event.job for event in events} - jobs
        effects = [effect for effect in self.effects(device) if effect.counter <= mark]
        published = self.published[device.name] - later
        accepted = {event.job for event in read_history(device.outbox)}  # some may have come meanwhile
        published -= accepted - jobs
        return check([e for e in events if e.job in jobs], effects, device.model.label, device.policy, published)

    def effects(self, device: Device) -> list[Effect]:
        """Labels where they are read: in the device's results, or in the console's record and with a receipt."""
        results = list(read_results(device.state / "results.jsonl"))
        if device.custody == "device":
            return [Effect(result.counter, result.label or "") for result in results]
        if not (self.folder / "console" / "labels.sqlite").exists():
            return []
        record = Record(self.folder / "console" / "labels.sqlite")
        labels = {label.counter: label.label for label in record.labels() if label.device == device.name}
        record.close()
        # Labels are recorded as they come; their order is that of the receipts' effects.
        return [Effect(result.counter, labels.get(result.counter, "no label in the record")) for result in results]

    def _make_disks(self) -> dict[str, SmallDisk]:
        disks = {}
        for name, folder in (("mqtt", self.servers.site.mosquitto), ("redis", self.servers.site.redis)):
            self.servers.kill(name, signal.SIGTERM)
            disks[name] = SmallDisk(folder / "data", 64)
            self.servers.start(name)
        first = next(iter(self.devices.values()))
        first.state.mkdir(parents=True)
        disks["outbox"] = SmallDisk(first.state, 64)
        return disks

    def _observe(self) -> MqttConnection:
        settings = ServiceSettings(
            mqtt_port=self.servers.mqtt_service_port,
            mqtt_username="bridge",
            mqtt_password_file=self.servers.password_file("bridge"),
        )
        observer = MqttConnection(
            settings, "observer", on_message=self._saw, subscriptions=("blindsight/v1/+/frames/+",)
        )
        observer.connect()
        return observer

    def _saw(self, message: IncomingMessage) -> None:
        _, _, device, _, job = message.topic.split("/")
        self.published[device].add(job)
        self._observer.acknowledge(message)

    def _start(self) -> None:
        serving = ["tests.faults.mined_worker", "worker", "--time-limit", str(TIME_LIMIT)]
        for number, plan in enumerate({id(d.model): d.model.plan for d in self.devices.values()}.values()):
            plan.save(self.folder / f"{number}.plan")
            serving += ["--plans", str(self.folder / f"{number}.plan")]
        for number in (1, 2):
            self.supervisor.start(f"bridge-{number}", ["blindsight", "bridge"], self._environment("bridge"))
            self.supervisor.start(f"worker-{number}", serving, self._environment("worker"))
        for device in self.devices.values():
            device.model.plan.save_head(self._head(device))
            if device.custody == "site":
                self._start_console(device)
            device.state.mkdir(parents=True, exist_ok=True)
            record_history(device.outbox)
            pictures = self.folder / f"{device.name}-camera"
            device.model.write_pictures(pictures)
            self.start_device(device, pictures, "--loop", "--rate", str(device.rate))

    def _head(self, device: Device) -> Path:
        return self.folder / f"{device.name}.head"

    def _start_console(self, device: Device) -> None:
        """The console of the one device that is under site custody."""
        keys = self.folder / "console-keys"
        create_key_set(device.model.plan.head, keys)
        write_public(keys, self.folder / "public")
        command = ["blindsight", "console", "--keys", str(keys), "--state", str(self.folder / "console")]
        self.supervisor.start("console", [*command, "--plans", str(self._head(device))], self._environment("console"))

    def start_device(self, device: Device, pictures: Path, *camera: str) -> None:
        """A device that watches a folder, with options for its camera."""
        command = ["tests.faults.jumping_device", "device", "--device", device.name, "--state", str(device.state)]
        command += ["--camera", f"folder:{pictures}", *camera, "--policy", device.policy]
        command += ["--plan", str(self._head(device)), "--results", str(device.state / "results.jsonl")]
        command += ["--retry-after", str(RETRY_AFTER), "--burst-wait", "0.5"]
        if device.custody == "site":
            command += ["--custody", "site", "--keys", str(self.folder / "public")]
        self.supervisor.start(device.name, command, self._environment(device.name))

    def _environment(self, user: str) -> dict[str, str]:
        kind = user if user in ("bridge", "worker") else "device"
        environment = {
            "BLINDSIGHT_MQTT_PORT": str(self.links[f"{kind}-broker"].port),
            "BLINDSIGHT_MQTT_PASSWORD_FILE": str(self.servers.password_file(user)),
            "BLINDSIGHT_MQTT_KEEPALIVE": str(KEEPALIVE),
            "MINES": str(self.mines),
            "WALL_CLOCK_FILE": str(self.wall_clock),
        }
        if kind != "device":
            password = str(self.servers.redis_password_file)
            url = f"redis://127.0.0.1:{self.links[f'{kind}-redis'].port}/0"
            environment |= {"BLINDSIGHT_REDIS_URL": url, "BLINDSIGHT_REDIS_PASSWORD_FILE": password}
            environment |= {"BLINDSIGHT_MQTT_USERNAME": user}
        return environment
