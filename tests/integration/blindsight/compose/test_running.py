"""The commands of docker-compose.yml, as processes, lead to labelled frames, and give the metrics that are watched."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from blindsight.demo.processes import Service
from blindsight.demo.servers import find_mqtt, find_redis
from tests.integration.blindsight.compose.definition import MONITORING, ROOT
from tests.integration.blindsight.compose.site import Site
from tests.integration.fleet import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.mosquitto]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("compose"))
    yield site
    site.stop()


def test_the_commands_lead_to_labelled_frames(site: Site) -> None:
    site.provision()
    site.start_server("mosquitto", find_mqtt().path)
    site.start_server("redis", find_redis().path)
    for name in ("bridge", "worker"):
        wait_for(f"a healthy {name}", _started(site, name))
    devices = [site.start("device", number) for number in (1, 2)]
    for device in devices:
        wait_for("a label", lambda device=device: labels_of(device))
    assert {identity_of(device) for device in devices} == {"cam-01", "cam-02"}
    assert all(site.healthy("device", number) for number in (1, 2))


def test_under_the_profile_of_a_site_its_console_labels_the_frames(site: Site) -> None:
    """On what the test before this one has started; with the key set that the file's first lines tell to make."""
    text = (ROOT / "docker-compose.yml").read_text()
    commands = [line.split("run --rm provision ")[1] for line in text.splitlines() if "--rm provision keys" in line]
    assert len(commands) == 2
    for command in commands:
        site.run(command.split())
    console, device = site.start("console"), site.start("site-device")
    wait_for("the console's label", lambda: labels_of(console))
    assert labels_of(console)[0]["device"] == identity_of(device) == "cam-03"
    assert labels_of(device) == []
    wait_for("the receipt", lambda: '"event": "receipt"' in device.log.read_text())
    assert site.healthy("console") and site.healthy("site-device")
    assert not list((site.folder / "state" / "cam-03").rglob("*.key"))
    public = site.folder / "site" / "public"
    assert sorted(path.name for path in public.iterdir()) == ["keyset.json", "public.key", "times-public.key"]


def test_every_metric_of_dashboard_and_alerts_is_one_that_the_services_give(site: Site) -> None:
    """By what the tests before this one have started."""
    missing = _used_metrics() - site.scrape()[0]
    assert missing == set()


def test_no_metric_tells_a_label_or_a_device(site: Site) -> None:
    _, text = site.scrape()
    keys = {
        key for family in text_string_to_metric_families(text) for sample in family.samples for key in sample.labels
    }
    assert keys <= {"stage", "reason", "result", "plan", "kind", "le", "to"}
    assert "cam-" not in text


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


def labels_of(device: Service) -> list[dict[str, Any]]:
    events = [json.loads(line) for line in device.log.read_text().splitlines() if line.startswith("{")]
    assert device.running, device.tail()
    return [event for event in events if event["event"] == "label"]


def identity_of(device: Service) -> str:
    events = [json.loads(line) for line in device.log.read_text().splitlines() if line.startswith("{")]
    return next(event["device"] for event in events if event["event"] == "started")
