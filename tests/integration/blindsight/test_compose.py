"""docker-compose.yml says what the tests run: its commands, as processes, lead to labelled frames."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import typer
import yaml
from prometheus_client.parser import text_string_to_metric_families

from blindsight.cli import app
from blindsight.demo.processes import Service, Services, start_child
from blindsight.demo.servers import find_mqtt, find_redis, free_ports
from broker.provisioning.site_settings import SiteSettings
from broker.settings import BridgeSettings
from common.service.settings import PREFIX
from console.settings import ConsoleSettings
from edge.settings import DeviceSettings
from tests.integration.fleet import wait_for
from workers.settings import WorkerSettings

ROOT = Path(__file__).parents[3]
MONITORING = ROOT / "monitoring"
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
SETTINGS = {
    "bridge": BridgeSettings,
    "worker": WorkerSettings,
    "device": DeviceSettings,
    "console": ConsoleSettings,
    "site-device": DeviceSettings,
}
OURS = ["provision", *SETTINGS]


@pytest.mark.parametrize("name", COMPOSE)
def test_every_service_is_confined(name: str) -> None:
    service = COMPOSE[name]
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}
    if name != "provision":
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"]


def test_the_broker_s_port_is_on_loopback_unless_told_otherwise() -> None:
    assert COMPOSE["mosquitto"]["ports"] == ["${MQTT_BIND:-127.0.0.1}:${MQTT_PORT:-1883}:1883"]
    assert all(port.startswith("127.0.0.1:") for port in COMPOSE["grafana"]["ports"])


def test_the_broker_s_bounds_fit_together_and_into_its_container() -> None:
    text = (ROOT / "broker" / "config" / "mosquitto.conf").read_text()
    bounds = {name: int(value) for name, value in re.findall(r"^(m\w+) (\d+)$", text, re.M)}
    assert COMPOSE["mosquitto"]["deploy"]["resources"]["limits"]["memory"] == "1G"
    assert bounds["memory_limit"] <= 0.75 * 2**30
    # A bridge's queue and a console's, both full, and a packet of each of some devices.
    assert 2 * bounds["max_queued_bytes"] + 3 * bounds["max_packet_size"] <= bounds["memory_limit"]
    assert bounds["max_queued_bytes"] >= 500 * 320_000
    assert bounds["max_queued_messages"] >= 2 * SiteSettings().max_connections
    files = COMPOSE["mosquitto"]["ulimits"]["nofile"]
    assert files["soft"] > SiteSettings().max_connections + 200


def test_pyfhel_is_compiled_before_anything_but_its_own_files_is_there() -> None:
    steps = re.findall(r"^(COPY|RUN) (.*)$", (ROOT / "Dockerfile").read_text().partition("build-pyfhel.sh")[0], re.M)
    assert [source for kind, source in steps if kind == "COPY"] == ["tools ./tools"]


def test_the_engine_is_compiled_from_its_own_files_and_is_in_the_image() -> None:
    text = (ROOT / "Dockerfile").read_text()
    before, _, after = text.partition("build-engine.sh")
    assert re.findall(r"^COPY (.*)$", before, re.M) == ["tools ./tools", "engine ./engine"]
    install = re.search(r"/opt/blindsight/bin/pip install .* (/cache/wheels/blindsight_engine-\*\.whl)$", after, re.M)
    assert install and "COPY --from=build /opt/blindsight" in after[install.end() :]


def test_a_worker_is_given_the_time_that_its_stop_may_take() -> None:
    most = WorkerSettings.model_fields["stop_timeout"].default
    assert int(COMPOSE["worker"]["stop_grace_period"].removesuffix("s")) >= most + 10


def test_the_image_runs_as_the_user_that_compose_names() -> None:
    assert "--uid 10001" in (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_one_of_ours(name: str) -> None:
    command = _command(name, {})
    group = typer.main.get_command(app)
    called, ours, arguments = group.resolve_command(typer.Context(group), list(command))
    ours.make_context(called, arguments)
    assert called == name.removeprefix("site-")


@pytest.mark.parametrize("name", SETTINGS)
def test_every_variable_is_a_setting(name: str) -> None:
    for variable in COMPOSE[name]["environment"]:
        assert variable.removeprefix(PREFIX).lower() in SETTINGS[name].model_fields


@pytest.mark.parametrize("name", COMPOSE)
def test_no_secret_is_written_in_the_file(name: str) -> None:
    for variable, value in COMPOSE[name].get("environment", {}).items():
        if "PASSWORD" in variable:
            assert variable.endswith("_FILE")
            assert value.startswith("/secrets/")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Site"]:
    site = Site(tmp_path_factory.mktemp("compose"))
    yield site
    site.stop()


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
        self.run([*_command("provision", {}), *self.address])

    def run(self, command: list[str]) -> None:
        """One command in the container of `provision`."""
        service = self.services.start("provision", [_replace(word, self.names) for word in command], {})
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
        environment = {key: _replace(value, names) for key, value in COMPOSE[name]["environment"].items()}
        environment["BLINDSIGHT_MQTT_HOST"] = "127.0.0.1"
        environment["BLINDSIGHT_MQTT_PORT"] = self.ports[environment["BLINDSIGHT_MQTT_PORT"]]
        # Each container has an address of its own; here each has a port.
        (self.metrics[name, number],) = free_ports(1)
        environment["BLINDSIGHT_METRICS_HOST"] = "127.0.0.1"
        environment["BLINDSIGHT_METRICS_PORT"] = str(self.metrics[name, number])
        if name == "console":  # an operator's choice, with which the series of forwarding begin
            environment["BLINDSIGHT_FORWARD_COMMAND"] = "true"
        return self.services.start(f"{name}-{number}", _command(name, names), environment)

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


@pytest.mark.slow
@pytest.mark.mosquitto
def test_the_commands_lead_to_labelled_frames(site: Site) -> None:
    site.provision()
    site.start_server("mosquitto", find_mqtt().path)
    site.start_server("redis", find_redis().path)
    for name in ("bridge", "worker"):
        wait_for(f"a healthy {name}", _started(site, name))
    devices = [site.start("device", number) for number in (1, 2)]
    for device in devices:
        wait_for("a label", lambda device=device: _labels(device))
    assert {_identity(device) for device in devices} == {"cam-01", "cam-02"}
    assert all(site.healthy("device", number) for number in (1, 2))


@pytest.mark.slow
@pytest.mark.mosquitto
def test_under_the_profile_of_a_site_its_console_labels_the_frames(site: Site) -> None:
    """On what the test before this one has started; with the key set that the file's first lines tell to make."""
    text = (ROOT / "docker-compose.yml").read_text()
    commands = [line.split("run --rm provision ")[1] for line in text.splitlines() if "--rm provision keys" in line]
    assert len(commands) == 2
    for command in commands:
        site.run(command.split())
    console, device = site.start("console"), site.start("site-device")
    wait_for("the console's label", lambda: _labels(console))
    assert _labels(console)[0]["device"] == _identity(device) == "cam-03"
    assert _labels(device) == []
    wait_for("the receipt", lambda: '"event": "receipt"' in device.log.read_text())
    assert site.healthy("console") and site.healthy("site-device")
    assert not list((site.folder / "state" / "cam-03").rglob("*.key"))
    public = site.folder / "site" / "public"
    assert sorted(path.name for path in public.iterdir()) == ["keyset.json", "public.key", "times-public.key"]


@pytest.mark.slow
@pytest.mark.mosquitto
def test_every_metric_of_dashboard_and_alerts_is_one_that_the_services_give(site: Site) -> None:
    """By what the tests before this one have started."""
    missing = _used_metrics() - site.scrape()[0]
    assert missing == set()


@pytest.mark.slow
@pytest.mark.mosquitto
def test_no_metric_tells_a_label_or_a_device(site: Site) -> None:
    _, text = site.scrape()
    keys = {
        key for family in text_string_to_metric_families(text) for sample in family.samples for key in sample.labels
    }
    assert keys <= {"stage", "reason", "result", "plan", "kind", "le", "to"}
    assert "cam-" not in text


def test_prometheus_scrapes_the_services_where_they_serve() -> None:
    config = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    found = [found for job in config["scrape_configs"] for found in job["dns_sd_configs"]]
    assert {name for each in found for name in each["names"]} == SETTINGS.keys()
    for name in SETTINGS:
        assert COMPOSE[name]["environment"]["BLINDSIGHT_METRICS_PORT"] == str(found[0]["port"])
        assert set(COMPOSE[name]["networks"]) & set(COMPOSE["prometheus"]["networks"])
    assert len({each["port"] for each in found}) == 1
    mounts = {volume["target"]: ROOT / volume["source"] for volume in COMPOSE["prometheus"]["volumes"]}
    for path in ("/etc/prometheus/prometheus.yml", *config["rule_files"]):
        assert (mounts[str(Path(path).parent)] / Path(path).name).is_file()


def test_grafana_finds_its_datasource_and_dashboard() -> None:
    mounts = {volume["target"]: ROOT / volume["source"] for volume in COMPOSE["grafana"]["volumes"]}
    folder = mounts[COMPOSE["grafana"]["environment"]["GF_PATHS_PROVISIONING"]]
    (source,) = yaml.safe_load((folder / "datasources" / "prometheus.yml").read_text())["datasources"]
    (provider,) = yaml.safe_load((folder / "dashboards" / "blindsight.yml").read_text())["providers"]
    (dashboard,) = mounts[provider["options"]["path"]].glob("*.json")
    panels = json.loads(dashboard.read_text())["panels"]
    assert {panel["datasource"]["uid"] for panel in panels} == {source["uid"]}


def _used_metrics() -> set[str]:
    """The names in the expressions of dashboard and alerts."""
    rules = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"][0]["rules"]
    panels = json.loads((MONITORING / "dashboards" / "blindsight.json").read_text())["panels"]
    expressions = [rule["expr"] for rule in rules] + [each["expr"] for panel in panels for each in panel["targets"]]
    return {name for expression in expressions for name in re.findall(r"blindsight_\w+", expression)}


def _started(site: Site, name: str) -> Any:
    """Starts a service, again if it ended because a server wasn't up yet, as `restart` does."""
    running: list[Service] = []

    def healthy() -> bool:
        if not running or not running[-1].running:
            running.append(site.start(name))
        return site.healthy(name)

    return healthy


def _labels(device: Service) -> list[dict[str, Any]]:
    events = [json.loads(line) for line in device.log.read_text().splitlines() if line.startswith("{")]
    assert device.running, device.tail()
    return [event for event in events if event["event"] == "label"]


def _identity(device: Service) -> str:
    events = [json.loads(line) for line in device.log.read_text().splitlines() if line.startswith("{")]
    return next(event["device"] for event in events if event["event"] == "started")


def _command(name: str, names: dict[str, str]) -> list[str]:
    devices = os.environ.get("DEVICES", "10")
    return [_replace(word.replace("${DEVICES:-10}", devices), names) for word in COMPOSE[name]["command"]]


def _replace(text: str, names: dict[str, str]) -> str:
    for old, new in names.items():
        if text == old or text.startswith(f"{old}/"):
            return new + text[len(old) :]
    return text
