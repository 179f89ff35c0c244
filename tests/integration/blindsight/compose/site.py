"""A site on loopback that runs the commands of compose."""

import subprocess
from pathlib import Path
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from blindsight.demo.processes import Service, Services, start_child
from blindsight.demo.servers import free_ports
from tests.integration.blindsight.compose.definition import COMPOSE, command_of, replaced


class Site:
    """Runs the commands of compose: host names, ports and volumes become those of a folder on loopback."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.services = Services(folder)
        self.servers: list[subprocess.Popen[bytes]] = []
        self.metrics: dict[tuple[str, int], int] = {}
        device, service, redis = free_ports(3)
        self.ports = {"1883": str(device), "1884": str(service)}
        self.names = {
            "/secrets": str(folder / "site"),
            "/identities": str(folder / "site" / "devices"),
            "/state": str(folder / "state"),
            "/public": str(folder / "site" / "public"),
            "/site": str(folder / "site"),
            "/tmp": str(folder),
            "redis://redis:6379": f"redis://127.0.0.1:{redis}",
        }
        self.address = ["--host", "127.0.0.1", "--device-port", str(device), "--service-port", str(service)]
        self.address += ["--redis-port", str(redis)]

    def provision(self) -> None:
        self.run([*command_of("provision", {}), *self.address])

    def run(self, command: list[str]) -> None:
        """One command in the container of `provision`."""
        service = self.services.start("provision", [replaced(word, self.names) for word in command], {})
        assert service.process.wait(60) == 0, service.tail()

    def start_server(self, name: str, path: str) -> None:
        """Mosquitto or Redis, in the part of the volume that compose mounts."""
        definition = COMPOSE[name]
        (volume,) = definition["volumes"]
        assert volume["target"] == definition["working_dir"]
        folder = self.folder / "site" / volume["volume"]["subpath"]
        with (self.folder / f"{name}.log").open("wb") as log:
            self.servers.append(start_child([path, *definition["command"][1:]], log, cwd=folder))

    def start(self, name: str, number: int = 1) -> Service:
        """One container of a service of ours."""
        names = {
            **self.names,
            "/secrets": str(self.folder / "site" / name),
            "/tmp": str(self.folder / f"{name}-{number}"),
        }
        if name == "console":
            names["/state"] = str(self.folder / "record")
        environment = {key: replaced(value, names) for key, value in COMPOSE[name]["environment"].items()}
        environment["BLINDSIGHT_MQTT_HOST"] = "127.0.0.1"
        environment["BLINDSIGHT_MQTT_PORT"] = self.ports[environment["BLINDSIGHT_MQTT_PORT"]]
        # Each container has an address of its own; here each has a port.
        (self.metrics[name, number],) = free_ports(1)
        environment["BLINDSIGHT_METRICS_HOST"] = "127.0.0.1"
        environment["BLINDSIGHT_METRICS_PORT"] = str(self.metrics[name, number])
        if name == "console":  # an operator's choice, with which the series of forwarding begin
            environment["BLINDSIGHT_FORWARD_COMMAND"] = "true"
        return self.services.start(f"{name}-{number}", command_of(name, names), environment)

    def healthy(self, name: str, number: int = 1) -> bool:
        return (self.folder / f"{name}-{number}" / "healthy").exists()

    def scrape(self) -> tuple[set[str], str]:
        """The names of all samples that the services give now, and the text."""
        pages = [
            urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode() for port in self.metrics.values()
        ]
        text = "\n".join(pages)
        return {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}, text

    def stop(self) -> None:
        self.services.stop()
        for process in self.servers:
            process.terminate()
            process.wait(10)
