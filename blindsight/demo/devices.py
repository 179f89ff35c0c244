"""The devices of a demo, as processes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from blindsight.demo.processes import Service, Services
from blindsight.demo.servers import Servers
from common.readings.reading import Reading
from edge.labels.results import Result, read_results

#: The files of a device's results, and of its readings where it reads a meter, in its state folder.
RESULTS, READINGS = "results.jsonl", "readings.jsonl"


@dataclass(frozen=True)
class DemoDevice:
    """A device's process and its state folder."""

    name: str
    state: Path
    service: Service

    @property
    def keys(self) -> Path:
        """The folder of the device's own key set, which it makes when it starts."""
        return self.state / "keys"

    def results(self) -> list[Result]:
        """The results that the device has written so far."""
        return list(read_results(self.state / RESULTS))

    def last(self, results: Sequence[Result]) -> str:
        """The last reading or else the last label of these results, in words; nothing while there is none."""
        values = [each.value for each in read_readings(self.state / READINGS) if each.value is not None]
        if values:
            return f"last reading {values[-1]}"
        return f"last label {results[-1].label}" if results and results[-1].label is not None else ""


def read_readings(file: Path) -> list[Reading]:
    """The readings in a file of JSON lines, which another process may be writing; none where there is no file."""
    whole, _, _ = (file.read_bytes() if file.exists() else b"").rpartition(b"\n")
    return [msgspec.json.decode(line, type=Reading) for line in whole.splitlines()]


def start_device(
    services: Services, servers: Servers, state: Path, pictures: Path, head: Path, options: Sequence[str]
) -> DemoDevice:
    """Start a device on a folder of pictures. Its name is that of its state folder; `options` are further flags."""
    name = state.name
    arguments = ["device", "--device", name, "--camera", f"folder:{pictures}", "--state", str(state)]
    arguments += ["--plan", str(head), "--results", str(state / RESULTS), *options]
    environment = {
        "BLINDSIGHT_MQTT_PORT": str(servers.mqtt_port),
        "BLINDSIGHT_MQTT_PASSWORD_FILE": str(servers.password_file(name)),
    }
    return DemoDevice(name, state, services.start(name, arguments, environment))
