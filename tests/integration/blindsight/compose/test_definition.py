"""docker-compose.yml and the image: each service is confined, and what it is told exists."""

import re

import pytest
import typer

from blindsight.cli import app
from broker.provisioning.site_settings import SiteSettings
from common.service.settings import PREFIX
from tests.integration.blindsight.compose.definition import ALL_SETTINGS, COMPOSE, ROOT, command_of
from workers.settings import WorkerSettings

OURS = ["provision", *ALL_SETTINGS]


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
    command = command_of(name, {})
    group = typer.main.get_command(app)
    called, ours, arguments = group.resolve_command(typer.Context(group), list(command))
    ours.make_context(called, arguments)
    assert called == name.removeprefix("site-")


@pytest.mark.parametrize("name", ALL_SETTINGS)
def test_every_variable_is_a_setting(name: str) -> None:
    for variable in COMPOSE[name]["environment"]:
        assert variable.removeprefix(PREFIX).lower() in ALL_SETTINGS[name].model_fields


@pytest.mark.parametrize("name", ["console", "status"])
def test_a_site_in_a_browser_is_published_on_loopback_and_by_console_only_when_told(name: str) -> None:
    (port,) = COMPOSE[name]["ports"]
    assert re.fullmatch(rf"127\.0\.0\.1:\$\{{\w+:-\d+\}}:{COMPOSE[name]['environment']['BLINDSIGHT_WEB_PORT']}", port)
    assert name == "status" or COMPOSE[name]["environment"]["BLINDSIGHT_WEB"] == "${WEB:-false}"


def test_the_image_has_what_the_site_in_a_browser_needs() -> None:
    assert '".[web]"' in (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize("name", COMPOSE)
def test_no_secret_is_written_in_the_file(name: str) -> None:
    for variable, value in COMPOSE[name].get("environment", {}).items():
        if "PASSWORD" in variable:
            assert variable.endswith("_FILE")
            assert value.startswith("/secrets/")
