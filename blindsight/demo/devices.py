"""The devices of a demo, as processes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from blindsight.demo.processes import Service, Services
from blindsight.demo.servers import Servers
from edge.labels.results import Result, read_results

#: The file of a device's results, in its state folder.
_RESULTS = "results.jsonl"


@dataclass(frozen=True)
class DemoDevice:
    """A device's process and its state folder."""

    name: str
    state: Path
    service: Service

    def results(self) -> list[Result]:
        """The results that the device has written so far."""
        return list(read_results(self.state / _RESULTS))


def start_device(
    services: Services, servers: Servers, state: Path, pictures: Path, head: Path, options: Sequence[str]
) -> DemoDevice:
    """Start a device on a folder of pictures. Its name is that of its state folder; `options` are further flags."""
    name = state.name
    arguments = ["device", "--device", name, "--camera", f"folder:{pictures}", "--state", str(state)]
    arguments += ["--plan", str(head), "--results", str(state / _RESULTS), "--exit-when-done", *options]
    environment = {
        "BLINDSIGHT_MQTT_PORT": str(servers.mqtt_port),
        "BLINDSIGHT_MQTT_PASSWORD_FILE": str(servers.password_file(name)),
    }
    return DemoDevice(name, state, services.start(name, arguments, environment))
