"""What a frame costs the bridge: python -m benchmarks.bridge [--frames N] [--json PATH or -]

Real Mosquitto and Redis, and a bridge as a process; no worker, so every frame stays in the queue. One device publishes
frames of the size of a digits frame, about sixty in a second.
"""

import argparse
import json
import os
import re
import tempfile
import threading
import time
from pathlib import Path

import redis

from blindsight.demo.processes import Service, Services
from blindsight.demo.servers import Servers, start_servers
from common.fleet.registry import Registry, WorkerEntry
from common.fleet.waiting import WaitingBursts
from common.service.settings import ServiceSettings
from common.wire import messages, topics
from common.wire.connection import MqttConnection
from common.wire.messages import Burst

#: Bytes of a digits frame that isn't seeded.
FRAME_BYTES = 315_392
#: Frames of which the commands are counted: Redis's MONITOR shows all of their bytes.
_COUNTED = 20
_WARM_UP = 20
#: Frames that a device has under way; of more the bridge drops some.
_WINDOW = 8
_PAUSE_SECONDS = 1 / 60
_DEVICE, _PLAN = "cam-a", "1" * 64


def measure(frames: int = 300, size: int = FRAME_BYTES) -> dict[str, float]:
    """CPU ms a frame of the bridge and of Redis, and commands a frame that the bridge sends to Redis."""
    with tempfile.TemporaryDirectory(prefix="blindsight-bench-") as name:
        folder = Path(name)
        servers, services = start_servers(folder / "site", [_DEVICE]), Services(folder)
        try:
            return _measure(servers, _start_bridge(servers, services, 4 * frames), frames, size)
        finally:
            services.stop()
            servers.stop()


def _start_bridge(servers: Servers, services: Services, most: int) -> Service:
    # Twice what one device sends, and more: it has half of the queue.
    bounds = ["--max-queue", str(most), "--max-queue-mb", "2000"]
    environment = {
        "BLINDSIGHT_MQTT_PORT": str(servers.mqtt_service_port),
        "BLINDSIGHT_MQTT_USERNAME": "bridge",
        "BLINDSIGHT_MQTT_PASSWORD_FILE": str(servers.password_file("bridge")),
        "BLINDSIGHT_REDIS_URL": servers.redis_url,
        "BLINDSIGHT_REDIS_PASSWORD_FILE": str(servers.redis_password_file),
    }
    return services.start("bridge", ["bridge", *bounds], environment)


def _measure(servers: Servers, bridge: Service, frames: int, size: int) -> dict[str, float]:
    password = servers.redis_password_file.read_text().strip()
    store = redis.Redis.from_url(servers.redis_url, password=password, client_name=_DEVICE)
    settings = ServiceSettings(
        mqtt_port=servers.mqtt_port, mqtt_username=_DEVICE, mqtt_password_file=servers.password_file(_DEVICE)
    )
    connection = MqttConnection(settings, "bench")
    connection.connect()
    sender = _Sender(connection, WaitingBursts(store), size)
    sender.send(1)  # until the bridge is there
    Registry(store).announce(WorkerEntry("bench", {_PLAN: "digits"}, 1, time.time()))  # for half a minute
    sender.send(_WARM_UP)
    bridge_before, redis_before = _cpu_seconds(bridge.process.pid), _redis_seconds(store)
    sender.send(frames)
    bridge_after, redis_after = _cpu_seconds(bridge.process.pid), _redis_seconds(store)
    with _Monitor(store) as monitor:
        sender.send(_COUNTED)
    connection.close()
    return {
        "bridge_cpu_ms_per_frame": round(1000 * (bridge_after - bridge_before) / frames, 3),
        "redis_cpu_ms_per_frame": round(1000 * (redis_after - redis_before) / frames, 3),
        "redis_commands_per_frame": round(monitor.commands / _COUNTED, 1),
    }


class _Sender:
    """Publishes frames, each once, and waits until all of them are in the queue."""

    def __init__(self, connection: MqttConnection, waiting: WaitingBursts, size: int) -> None:
        self._connection, self._waiting = connection, waiting
        self._ciphertext, self._sent = os.urandom(size), 0

    def send(self, frames: int) -> None:
        for number in range(self._sent, self._sent + frames):
            job = f"{number:08d}-{number:016x}"
            frame = Burst(1, _DEVICE, job, "0" * 64, _PLAN, time.time(), self._ciphertext)
            payload = messages.encode(frame)
            self._connection.publish_confirmed(topics.frames(_DEVICE, job), payload, 10)
            while number == 0 and not self._waiting.depth().bursts:
                time.sleep(0.2)  # nobody may have heard the first one
                self._connection.publish_confirmed(topics.frames(_DEVICE, job), payload, 10)
            time.sleep(_PAUSE_SECONDS)
            if (number + 1) % _WINDOW == 0:
                self._wait_for(number + 1)
        self._sent += frames
        self._wait_for(self._sent)

    def _wait_for(self, frames: int) -> None:
        deadline = time.monotonic() + 60
        while (bursts := self._waiting.depth().bursts) < frames:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{bursts} of {frames} frames reached Redis")
            time.sleep(0.05)


class _Monitor:
    """Counts the commands that clients send to Redis while entered, but for those of the benchmark itself."""

    def __init__(self, store: "redis.Redis") -> None:
        self._store, self.commands = store, 0

    def __enter__(self) -> "_Monitor":
        self._monitor = self._store.monitor().__enter__()  # type: ignore[no-untyped-call]
        self._thread = threading.Thread(target=self._count, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._store.echo("the end")
        self._thread.join()
        self._monitor.__exit__(None, None, None)

    def _count(self) -> None:
        own = {client["addr"] for client in self._store.client_list() if client["name"] == _DEVICE}
        for command in self._monitor.listen():
            text, address = str(command["command"]), f"{command['client_address']}:{command['client_port']}"
            if text == "ECHO the end":
                return
            self.commands += command["client_type"] != "lua" and address not in own


def _cpu_seconds(pid: int) -> float:
    """User and system time of a process that `setpriv` may have become."""
    fields = re.sub(r".*\) ", "", Path(f"/proc/{pid}/stat").read_text()).split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _redis_seconds(store: "redis.Redis") -> float:
    cpu = store.info("cpu")
    return float(cpu["used_cpu_user"]) + float(cpu["used_cpu_sys"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--json", help="a file, or - for standard output")
    options = parser.parse_args()
    figures = measure(options.frames)
    text = json.dumps(figures, indent=2)
    if options.json and options.json != "-":
        Path(options.json).write_text(text + "\n")
    else:
        print(text)


if __name__ == "__main__":
    main()
