"""Prometheus and Grafana find what they shall show."""

import json
from pathlib import Path

import yaml

from tests.integration.blindsight.compose.definition import COMPOSE, MONITORING, ROOT, SETTINGS


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
